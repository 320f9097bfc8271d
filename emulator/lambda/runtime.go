package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An environment is one process of a function and the Runtime API that it is served ("Using the Lambda runtime API for
// custom runtimes").
type environment struct {
	cmd    *exec.Cmd
	server *http.Server

	asked   chan struct{}      // the process asks for work; holds at most one
	work    chan invocation    // to the call of next under way
	answers chan answer        // of the invocation under way; holds at most one
	exited  chan struct{}      // closed when the process is gone
	state   error              // how it ended, once exited is closed
	initErr chan error         // what it reported before its first call of next
	end     context.CancelFunc // ends calls of next under way
	ended   context.Context

	mu      sync.Mutex
	current string // the ID of the invocation that waits for its answer, or ""
}

type invocation struct {
	Request
	deadline time.Time
}

type answer struct {
	payload []byte
	err     error
}

func newEnvironment() *environment {
	e := &environment{
		asked: make(chan struct{}, 1), work: make(chan invocation), answers: make(chan answer, 1),
		exited: make(chan struct{}), initErr: make(chan error, 1),
	}
	e.ended, e.end = context.WithCancel(context.Background())
	return e
}

// listen serves the Runtime API on a loopback port.
func (e *environment) listen() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("serve the Runtime API: %w", err)
	}
	e.server = &http.Server{Handler: onlyProcess(listener.Addr().String(), e.handler()), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 32 << 10}
	go func() { _ = e.server.Serve(listener) }() // until stop
	return listener.Addr().String(), nil
}

// onlyProcess refuses what a web page may have sent: the process is given the address, and no runtime sends what browsers do.
func onlyProcess(address string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != address || ofBrowser(r.Header) {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second)) // its body is not waited for
			http.Error(w, "the Runtime API is for the function's process only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ofBrowser reports whether a request has headers that only browsers send.
func ofBrowser(h http.Header) bool {
	for name := range h {
		if name == "Origin" || name == "Referer" || strings.HasPrefix(name, "Sec-Fetch-") {
			return true
		}
	}
	return false
}

func (e *environment) handler() http.Handler {
	mux := http.NewServeMux()
	const base = "/2018-06-01/runtime/"
	mux.HandleFunc("GET "+base+"invocation/next", e.next)
	mux.HandleFunc("POST "+base+"invocation/{id}/response", e.response)
	mux.HandleFunc("POST "+base+"invocation/{id}/error", e.failure)
	mux.HandleFunc("POST "+base+"init/error", e.initError)
	return mux
}

func (e *environment) stop() {
	e.end()
	_ = e.server.Close()
}

// await waits for the process's end.
func (e *environment) await() {
	e.state = e.cmd.Wait()
	close(e.exited)
	e.stop()
}

func (e *environment) alive() bool {
	select {
	case <-e.exited:
		return false
	default:
		return true
	}
}

func (e *environment) kill() {
	_ = e.cmd.Process.Kill() // it may be gone already
	<-e.exited
}

// exit describes the process's end as Lambda does.
func (e *environment) exit() error {
	text := "Error: Runtime exited without providing a reason"
	if e.state != nil {
		text = "Error: Runtime exited with error: " + e.state.Error()
	}
	return &InvocationError{Type: "Runtime.ExitError", Message: text}
}

// ready waits until the process asks for its first invocation.
func (e *environment) ready(ctx context.Context) error {
	select {
	case <-e.asked:
		e.ask() // it still does
		return nil
	case err := <-e.initErr:
		return err
	case <-e.exited:
		select {
		case err := <-e.initErr:
			return err
		default:
			return e.exit()
		}
	case <-ctx.Done():
		return &InvocationError{Type: "Sandbox.Timedout", Message: "the function did not ask for work in time"}
	}
}

// errGone says that an environment ended before it took an invocation, which another one may then have.
var errGone = errors.New("the process ended while it was idle")

// invoke hands the process one invocation and waits for its answer and until it asks for the next.
func (e *environment) invoke(ctx context.Context, r Request) ([]byte, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(MaxTimeout)
	}
	select {
	case <-e.asked:
	case <-e.exited:
		return nil, errGone
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	e.expect(r.ID)
	defer e.expect("")
	select {
	case e.work <- invocation{r, deadline}:
	case <-e.exited:
		return nil, errGone
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case a := <-e.answers:
		return a.payload, a.err
	case <-e.exited:
		select {
		case a := <-e.answers: // it answered, and died after
			return a.payload, a.err
		default:
		}
		return nil, e.exit()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// expect makes an invocation the one whose answer is taken, or with "" none. What was answered before is dropped.
func (e *environment) expect(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.current = id
	select {
	case <-e.answers:
	default:
	}
}

// ask notes that the process asks for work; it may ask twice.
func (e *environment) ask() {
	select {
	case e.asked <- struct{}{}:
	default:
	}
}

func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	e.ask()
	select {
	case i := <-e.work:
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", i.ID)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", i.FunctionARN)
		h.Set("Lambda-Runtime-Trace-Id", i.Trace)
		h.Set("Content-Type", "application/json")
		_, _ = w.Write(i.Payload) // a process that is gone is seen by its exit
	case <-r.Context().Done():
	case <-e.ended.Done():
	}
}

// maxAnswer is the most that an invocation may return, and more than an error should.
const maxAnswer = 6 << 20

func (e *environment) response(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	switch {
	case err != nil: // it may try again
		refuse(w, http.StatusBadRequest, "InvalidRequest", "the response can't be read: "+err.Error())
	case len(payload) > maxAnswer:
		tooLarge := &InvocationError{Type: "Function.ResponseSizeTooLarge", Message: "the response is larger than 6 MB"}
		if e.take(w, r, answer{err: tooLarge}) {
			refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", tooLarge.Message)
		}
	case e.take(w, r, answer{payload: payload}):
		w.WriteHeader(http.StatusAccepted)
	}
}

func (e *environment) failure(w http.ResponseWriter, r *http.Request) {
	if e.take(w, r, answer{err: reported(r.Body)}) {
		w.WriteHeader(http.StatusAccepted)
	}
}

// take keeps the answer of the invocation that waits for one. That of any other, which is over or never was, is refused, and
// so is a second one.
func (e *environment) take(w http.ResponseWriter, r *http.Request, a answer) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if id := r.PathValue("id"); id == "" || id != e.current {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "no invocation with this ID waits for an answer")
		return false
	}
	e.current = ""
	e.answers <- a // there is room: expect has emptied it
	return true
}

// refuse answers a call as the Runtime API does.
func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body, _ := json.Marshal(map[string]string{"errorType": kind, "errorMessage": message})
	_, _ = w.Write(body) // a process that is gone is seen by its exit
}

func (e *environment) initError(w http.ResponseWriter, r *http.Request) {
	select {
	case e.initErr <- reported(r.Body):
	default:
	}
	w.WriteHeader(http.StatusAccepted)
}

// reported reads an error as runtimes report it.
func reported(body io.Reader) error {
	var e struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	if err := json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&e); err != nil {
		return &InvocationError{Message: errors.Join(errors.New("an error that can't be read"), err).Error()}
	}
	return &InvocationError{Type: e.Type, Message: e.Message}
}
