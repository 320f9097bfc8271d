// Package web is the example's web application: a page that has reports made in the background, shows how far they are,
// and hands them out. It uses nothing but public packages, and knows of tasks only what any web application would: their
// definitions, a queue and the records of jobs.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/coretasks/core/examples/reports"
	"github.com/coretasks/core/httpapi"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/tasks"
)

//go:embed page.html static
var files embed.FS

// Config sets up the application. Queue, Store and Dir are required.
type Config struct {
	// Queue takes the jobs. It should make their records too, as results.Track does, so that a job can be asked for as soon
	// as it is accepted.
	Queue tasks.Sender
	// Store has the records of jobs.
	Store results.Store
	// Jobs tells users of their jobs: records, events and cancelling. It is an *httpapi.API.
	Jobs Jobs
	// Dir is the directory that was given to reports.Registry.
	Dir string
	// User tells who is signed in. By default the page offers the four users of the example and believes what is chosen;
	// only clients on this machine are served then.
	User func(*http.Request) int64
	// Logger gets failures. The default is slog.Default().
	Logger *slog.Logger
}

type app struct {
	Config
	reports string // the absolute path of the directory with the finished files
	orders  string // the directory that says whose a job is
	page    *template.Template
	choose  bool // who is signed in is chosen on the page
}

// New makes the application.
func New(cfg Config) (http.Handler, error) {
	if cfg.Queue == nil || cfg.Store == nil || cfg.Jobs == nil || cfg.Dir == "" {
		return nil, errors.New("web: a Queue, a Store, Jobs and a Dir are required")
	}
	dir, err := filepath.Abs(filepath.Join(cfg.Dir, "reports"))
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	page, err := template.ParseFS(files, "page.html")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	a := &app{Config: cfg, reports: dir, orders: filepath.Join(filepath.Dir(dir), "orders"), page: page}
	if a.Logger == nil {
		a.Logger = slog.Default()
	}
	if a.User == nil {
		a.User, a.choose = chosenUser, true
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.showPage)
	mux.HandleFunc("GET /static/{name}", a.showStatic)
	mux.HandleFunc("POST /reports/generate", a.generate)
	mux.HandleFunc("GET /reports/{id}", a.download)
	if a.choose {
		mux.HandleFunc("POST /user", a.chooseUser)
	}
	mux.HandleFunc("GET /reports/{id}/status", a.job(httpapi.PartRecord))
	mux.HandleFunc("GET /reports/{id}/events", a.job(httpapi.PartEvents))
	mux.HandleFunc("POST /reports/{id}/cancel", a.job(httpapi.PartCancel))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		a.fail(w, http.StatusNotFound, "there is nothing at this address")
	})
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a.fail(w, http.StatusForbidden, "requests from pages of other sites are refused")
	}))
	return a.local(cross.Handler(mux)), nil
}

// asset versions the page's own files, so that a browser may keep them.
func asset(name string) string {
	data, err := files.ReadFile("static/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return fmt.Sprintf("/static/%s?%x", name, sha256.Sum256(data))[:len("/static/")+len(name)+9]
}

// pageCSP lets the page load its own files and talk to its own server, and nothing else.
const pageCSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (a *app) showPage(w http.ResponseWriter, r *http.Request) {
	var html strings.Builder
	err := a.page.Execute(&html, map[string]any{
		"Types": reports.Types(), "User": a.User(r), "Users": users(), "Choose": a.choose,
		"Style": asset("page.css"), "Script": asset("page.js"), "Icon": asset("icon.svg"),
	})
	if err != nil {
		a.Logger.Error("the page can't be shown", "error", err)
		a.fail(w, http.StatusInternalServerError, "the page can't be shown")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pageCSP)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store") // it shows who is signed in
	_, _ = w.Write([]byte(html.String()))
}

func (a *app) showStatic(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if _, err := files.Open("static/" + name); err != nil {
		a.fail(w, http.StatusNotFound, "there is nothing at this address")
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable") // another version has another address
	http.ServeFileFS(w, r, files, "static/"+name)
}

// A failure is how every error is answered.
type failure struct {
	Error string `json:"error"`
	// Field is the parameter that is wrong, if it is one.
	Field string `json:"field,omitempty"`
	// State is how far a job is that has no report.
	State results.State `json:"state,omitempty"`
}

func (a *app) fail(w http.ResponseWriter, status int, message string) {
	a.answer(w, status, failure{Error: message})
}

func (a *app) answer(w http.ResponseWriter, status int, body any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		a.Logger.Debug("an answer was not taken", "error", err)
	}
}
