// SPDX-License-Identifier: Apache-2.0

// Command web keeps notes in a folder: PUT /notes/NAME stores Markdown, GET /notes/NAME renders it, GET /notes
// lists the names. It prints its address, and ends at SIGTERM.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"example.com/planted"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/cors"
	"github.com/rs/zerolog"
	"github.com/yuin/goldmark"
)

type server struct {
	folder string
	log    zerolog.Logger
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "`address` to listen at")
	folder := flag.String("notes", "notes", "`folder` of the notes")
	flag.Parse()
	s := &server{folder: *folder, log: zerolog.New(os.Stderr)}
	if err := s.run(*listen); err != nil {
		s.log.Fatal().Err(err).Msg("web")
	}
}

func (s *server) run(address string) error {
	if err := os.MkdirAll(s.folder, 0o755); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	h := &http.Server{Handler: s.routes()}
	go func() {
		<-ended.Done()
		_ = h.Shutdown(context.Background())
	}()
	if err := h.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *server) routes() http.Handler {
	router := chi.NewRouter()
	router.Use(middleware.RequestID, s.logged, middleware.Recoverer, middleware.Compress(5),
		cors.Handler(cors.Options{AllowedOrigins: []string{"https://example.com"}}))
	router.Get("/notes", s.list)
	router.Get("/notes/{name:[a-z]+}", s.get)
	router.Put("/notes/{name:[a-z]+}", s.put)
	return router
}

func (s *server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.log.Info().Str("method", r.Method).Str("path", r.URL.Path).Msg("request")
		next.ServeHTTP(w, r)
	})
}

func (s *server) list(w http.ResponseWriter, _ *http.Request) {
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for _, entry := range entries {
		fmt.Fprintln(w, entry.Name())
	}
}

func (s *server) get(w http.ResponseWriter, r *http.Request) {
	source, err := os.ReadFile(filepath.Join(s.folder, chi.URLParam(r, "name")))
	if err != nil {
		http.Error(w, "no such note", http.StatusNotFound)
		return
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, "<title>%s</title>\n", planted.Title(r.URL.Query().Get("title")))
	if err := goldmark.Convert(source, &page); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	_, _ = page.WriteTo(w)
}

func (s *server) put(w http.ResponseWriter, r *http.Request) {
	note, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err == nil {
		err = os.WriteFile(filepath.Join(s.folder, chi.URLParam(r, "name")), note, 0o644)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusCreated)
}
