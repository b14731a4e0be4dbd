module example.com/mjbench

go 1.19

require example.com/mjbench/conf v0.0.0 // gomodjail:confined

replace example.com/mjbench/conf => ./conf
