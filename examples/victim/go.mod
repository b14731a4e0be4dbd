module example.com/victim

go 1.19

require example.com/poisoned v0.0.0 // gomodjail:confined

replace example.com/poisoned => ../poisoned
