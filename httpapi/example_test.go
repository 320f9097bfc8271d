package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/coretasks/core/httpapi"
	"github.com/coretasks/core/tasks"
)

type reportParams struct {
	UserID     int64  `json:"user_id"`
	ReportType string `json:"report_type" jsonschema:"monthly or yearly"`
}

var generate = tasks.Define("reports.generate", func(context.Context, reportParams) (string, error) { return "report.pdf", nil })

// accepting stands for a *sqsqueue.Client.
type accepting struct{}

func (accepting) Send(context.Context, []tasks.Message) []error { return nil }

// Mount the API in a program's own server, behind its own sign-in.
func Example() {
	api, err := httpapi.New(httpapi.Config{
		Registry:  tasks.NewRegistry(generate),
		Sender:    accepting{},
		BasePath:  "/api/tasks",
		Authorize: func(r *http.Request) bool { return r.Header.Get("X-User") != "" },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/api/tasks/", http.StripPrefix("/api/tasks", api.Handler()))
	mux.Handle("/", http.NotFoundHandler()) // the program's own pages

	enqueue := func(params string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/api/tasks/tasks/reports.generate?countdown=60s", strings.NewReader(params))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-User", "ann")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	ok := enqueue(`{"user_id": 1, "report_type": "monthly"}`)
	fmt.Println(ok.Code, ok.Header().Get("Location")[:len("/api/tasks/jobs/")])
	wrong := enqueue(`{"user_id": "one"}`)
	_, errors, _ := strings.Cut(wrong.Body.String(), `"errors":`)
	fmt.Println(wrong.Code, errors)
	// Output:
	// 202 /api/tasks/jobs/
	// 400 [{"field":"user_id","message":"must be a whole number, not a JSON string"}]}
}
