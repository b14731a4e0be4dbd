module example.com/sqlite

go 1.19

require (
	example.com/conf v0.0.0
	github.com/mattn/go-sqlite3 v1.14.22
)

replace example.com/conf => ../deps/conf
