module example.com/evil

go 1.19

require example.com/pool v0.0.0
