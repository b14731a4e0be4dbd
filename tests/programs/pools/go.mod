module example.com/pools

go 1.19

require (
	example.com/driver v0.0.0
	example.com/evil v0.0.0
	example.com/pool v0.0.0
)

replace (
	example.com/driver => ./driver
	example.com/evil => ./evil
	example.com/pool => ./pool
)
