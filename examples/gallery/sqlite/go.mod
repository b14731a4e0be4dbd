module example.com/gallery/sqlite

go 1.19

require (
	example.com/planted v0.0.0
	github.com/mattn/go-sqlite3 v1.14.22
)

replace example.com/planted => ../planted
