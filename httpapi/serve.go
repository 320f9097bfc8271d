package httpapi

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/coretasks/core/internal/guard"
)

// A response is what is known of one request while it is served.
type response struct {
	http.ResponseWriter
	requestID string
	pattern   string // of the route, or "" where there is none
	status    int    // 0 until the answer has begun
	gone      bool   // the client went before it had an answer
}

// WriteHeader notes the status.
func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] reach the server's own writer.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// deadline bounds how long the client may take what is written next. The server forgets it when the request ends. Where
// the writer has no deadlines, as in tests, there is nothing to bound.
func (w *response) deadline(limit time.Duration) {
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(limit))
}

// patient lifts the server's time limit from an answer that is meant to last: in HTTP/2 its end resets the stream, even when
// nothing is being written.
func (w *response) patient() {
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Time{})
}

var saneRequestID = regexp.MustCompile(`^[A-Za-z0-9._:/=+-]{1,128}$`)

// serve is the whole API as one handler.
func (a *API) serve(writer http.ResponseWriter, r *http.Request) {
	began := time.Now()
	w := &response{ResponseWriter: writer, requestID: r.Header.Get("X-Request-Id")}
	if !saneRequestID.MatchString(w.requestID) {
		w.requestID = rand.Text()
	}
	h := w.Header()
	h.Set("X-Request-Id", w.requestID)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")

	defer a.finish(w, r, began)
	if err := a.dispatch(w, r); err != nil {
		a.fail(w, r, err)
	}
}

// finish turns a panic into a 500, counts the request and logs it.
func (a *API) finish(w *response, r *http.Request, began time.Time) {
	panicked := recover()
	if panicked != nil {
		if panicked != http.ErrAbortHandler { //nolint:errorlint // its panic is this very value
			a.logger.Error("request panicked", "request_id", w.requestID, "route", w.pattern, "panic", guard.Text(panicked), "stack", string(debug.Stack()))
		}
		if w.status != 0 {
			a.metrics.observe(w.pattern, r.Method, http.StatusInternalServerError, time.Since(began))
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
		a.fail(w, r, newProblem(http.StatusInternalServerError, slugInternal, ""))
	}
	status := w.status
	switch {
	case w.gone && (status == 0 || status == http.StatusRequestTimeout):
		status = statusGone
	case status == 0:
		status = http.StatusOK
	}
	took := time.Since(began)
	a.metrics.observe(w.pattern, r.Method, status, took)
	if a.logger.Enabled(r.Context(), slog.LevelDebug) {
		a.logger.Debug("request", "request_id", w.requestID, "method", shorten(r.Method, 20), "route", w.pattern, "status", status, "duration", took)
	}
}
