module example.com/pooled

go 1.19

require (
	example.com/batch v0.0.0
	example.com/evil v0.0.0
	github.com/panjf2000/ants/v2 v2.10.0
	golang.org/x/sync v0.7.0
)

require example.com/pool v0.0.0 // indirect

replace (
	example.com/batch => ./batch
	example.com/evil => ../pools/evil
	example.com/pool => ../pools/pool
)
