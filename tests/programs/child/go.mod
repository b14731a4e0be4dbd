module example.com/child

go 1.19

require example.com/conf v0.0.0

replace example.com/conf => ../deps/conf
