module example.com/capitals

go 1.26.0

require (
	github.com/Azure/go-ntlmssp v0.1.1
	github.com/BurntSushi/toml v1.6.0
	github.com/CloudyKit/jet/v6 v6.3.3
	github.com/DataDog/gostackparse v0.7.0
	github.com/Knetic/govaluate v3.0.0+incompatible
	github.com/Masterminds/squirrel v1.5.4
	github.com/NYTimes/gziphandler v1.1.1
	github.com/PuerkitoBio/goquery v1.14.0
	github.com/RoaringBitmap/roaring v1.9.4
	github.com/Shopify/go-lua v0.0.0-20250718183320-1e37f32ad7d0
)

require (
	github.com/CloudyKit/fastprinter v0.0.0-20200109182630-33d98a066a53 // indirect
	github.com/andybalholm/cascadia v1.3.5 // indirect
	github.com/bits-and-blooms/bitset v1.12.0 // indirect
	github.com/lann/builder v0.0.0-20180802200727-47ae307949d0 // indirect
	github.com/lann/ps v0.0.0-20150810152359-62de8c46ede0 // indirect
	github.com/mschoch/smat v0.2.0 // indirect
	golang.org/x/net v0.62.0 // indirect
)
