// SPDX-License-Identifier: Apache-2.0

// Capitals has code of ten modules with capital letters in their paths call it back, and reads a file each time: capitals FILE.
// Prints how many times it could.
package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/Azure/go-ntlmssp"
	"github.com/BurntSushi/toml"
	"github.com/CloudyKit/jet/v6"
	"github.com/DataDog/gostackparse"
	"github.com/Knetic/govaluate"
	"github.com/Masterminds/squirrel"
	"github.com/NYTimes/gziphandler"
	"github.com/PuerkitoBio/goquery"
	"github.com/RoaringBitmap/roaring"
	lua "github.com/Shopify/go-lua"
)

var read int

func act() {
	if _, err := os.ReadFile(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	read++
}

type text string

func (t *text) UnmarshalText([]byte) error { act(); return nil }

type reader struct{ io.Reader }

func (r reader) Read(p []byte) (int, error) { act(); return 0, io.EOF }

type runner struct{}

func (runner) Exec(string, ...interface{}) (sql.Result, error) { return nil, nil }
func (runner) Query(string, ...interface{}) (*sql.Rows, error) { act(); return nil, nil }

type transport struct{}

func (transport) RoundTrip(*http.Request) (*http.Response, error) {
	act()
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(""))}, nil
}

func main() {
	var decoded struct{ A text }
	toml.Decode("A = 'x'", &decoded)

	handler := gziphandler.GzipHandler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { act() }))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))

	document, _ := goquery.NewDocumentFromReader(strings.NewReader("<p>x</p>"))
	document.Find("p").Each(func(int, *goquery.Selection) { act() })

	squirrel.Select("1").RunWith(runner{}).Query()

	roaring.BitmapOf(1).Iterate(func(uint32) bool { act(); return true })

	expression, _ := govaluate.NewEvaluableExpressionWithFunctions("f()", map[string]govaluate.ExpressionFunction{
		"f": func(...interface{}) (interface{}, error) { act(); return 1.0, nil },
	})
	expression.Evaluate(nil)

	loader := jet.NewInMemLoader()
	loader.Set("/t", "{{ f() }}")
	set := jet.NewSet(loader)
	set.AddGlobal("f", func() string { act(); return "" })
	template, _ := set.GetTemplate("/t")
	template.Execute(&bytes.Buffer{}, nil, nil)

	gostackparse.Parse(reader{})

	client := http.Client{Transport: ntlmssp.Negotiator{RoundTripper: transport{}}}
	client.Get("http://localhost/")

	state := lua.NewState()
	state.Register("f", func(*lua.State) int { act(); return 0 })
	lua.DoString(state, "f()")

	fmt.Println(read)
}
