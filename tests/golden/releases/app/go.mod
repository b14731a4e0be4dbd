module example.com/app

go 1.16

require example.com/conf v1.0.0 // gomodjail:confined

replace example.com/conf => ./conf
