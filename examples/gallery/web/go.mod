module example.com/gallery/web

go 1.19

require (
	example.com/planted v0.0.0
	github.com/go-chi/chi/v5 v5.0.12
	github.com/go-chi/cors v1.2.1
	github.com/rs/zerolog v1.32.0
	github.com/yuin/goldmark v1.7.1
)

require (
	github.com/mattn/go-colorable v0.1.13 // indirect
	github.com/mattn/go-isatty v0.0.19 // indirect
	golang.org/x/sys v0.12.0 // indirect
)

replace example.com/planted => ../planted
