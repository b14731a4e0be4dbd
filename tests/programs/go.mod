module example.com/mjtests

go 1.19

require (
	example.com/conf v0.0.0
	example.com/confc v0.0.0
	gopkg.in/yaml.v3 v3.0.0
)

replace (
	example.com/conf => ./deps/conf
	example.com/confc => ./deps/confc
	gopkg.in/yaml.v3 => ./deps/yaml.v3
)
