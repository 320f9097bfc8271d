package emulator

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/google/uuid"
)

const (
	contentType = "application/x-amz-json-1.0"
	sqsPrefix   = "com.amazonaws.sqs#"
	coralPrefix = "com.amazon.coral.service#"
	// maxRequestBytes leaves room for a message of 1 MiB whose every character is escaped as \u0000.
	maxRequestBytes = 8 << 20
)

// Handler serves the queues over the AWS JSON 1.0 protocol, the schedules over REST-JSON (under /schedules,
// /schedule-groups and /tags), and GET /_core/health. Of a signature only the region is looked at, so whoever reaches the port
// can use them; requests that a web page could make are refused: those whose Host is neither loopback nor in
// [Config.AllowedHosts], those with a foreign Origin, and those that lack what a browser does not send across origins
// unasked: an X-Amz-Target header or, for schedules, the content type of JSON.
func (e *Emulator) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Also for a request that is refused: the server reads its body to the end before the connection's next one.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // a test's recorder has none
		if r.URL.Path == "/_core/health" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"status":"ok"}`)
			return
		}
		if isScheduler(r) {
			e.serveScheduler(w, r)
			return
		}
		out, err := e.serve(w, r)
		switch {
		case err == nil:
			writeOutput(w, out)
		case isQuery(r):
			writeQueryError(w, err)
		default:
			writeError(w, err)
		}
	})
}

// serve checks a request and runs its operation.
func (e *Emulator) serve(w http.ResponseWriter, r *http.Request) (any, error) {
	if err := e.guard(r); err != nil {
		return nil, err
	}
	if isQuery(r) {
		return nil, faultUnknownOperation("")
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		f := newFault(coralPrefix+"UnknownOperationException", "",
			"%s is not supported. This endpoint speaks the AWS JSON 1.0 protocol of Amazon SQS, by POST.", r.Method)
		f.status = http.StatusMethodNotAllowed
		return nil, f
	}
	target := r.Header.Get("X-Amz-Target")
	if target == "" {
		return nil, faultUnknownOperation("")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != contentType {
		return nil, newFault(coralPrefix+"SerializationException", "", "The Content-Type must be %s.", contentType)
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, faultBody(err)
	}
	region, err := requestRegion(r)
	if err != nil {
		return nil, err
	}
	s := e.SQS()
	s.base = "http://" + r.Host
	if s.unsigned = region == ""; !s.unsigned {
		s.region = region
	}
	if trace := r.Header.Get("X-Amzn-Trace-Id"); isText(trace) {
		s.trace = trace
	}
	if r.TLS != nil {
		s.base = "https://" + r.Host
	}
	return s.call(r.Context(), target, body)
}

func faultBody(err error) error {
	var tooLarge *http.MaxBytesError
	if !errors.As(err, &tooLarge) {
		return faultSerialization(err)
	}
	f := newFault(coralPrefix+"RequestEntityTooLargeException", "",
		"The request is larger than %d bytes.", maxRequestBytes)
	f.status = http.StatusRequestEntityTooLarge
	return f
}

func setHeaders(w http.ResponseWriter) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

func writeOutput(w http.ResponseWriter, out any) {
	body := appendWire(make([]byte, 0, 4096), reflect.ValueOf(out))
	setHeaders(w)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a client that is gone gets its messages again after their visibility timeout
}

// writeError answers with a fault. The header carries the query protocol's code, from which SDKs take the error's code.
func writeError(w http.ResponseWriter, err error) {
	f := asFault(err)
	setHeaders(w)
	kind := f.shape
	if f.code != "" {
		kind = sqsPrefix + f.shape
		blame := "Sender"
		if f.status >= http.StatusInternalServerError {
			blame = "Receiver"
		}
		w.Header().Set("X-Amzn-Query-Error", f.code+";"+blame)
	}
	body, _ := json.Marshal(map[string]string{"__type": kind, "message": f.message})
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.status)
	_, _ = w.Write(body)
}

// bodyTimeout is how long a request's body may take to arrive.
const bodyTimeout = 20 * time.Second

// readBody reads a request's body, of bounded size, and ends the time for it. An answer may take longer: receives wait.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err == nil {
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
	return body, err
}
