package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// counts is what an endpoint was asked for since it was last reset.
type counts struct {
	// Requests by kind: send, receive, delete, visibility, other.
	Requests map[string]int `json:"requests"`
	Statuses map[int]int    `json:"statuses"`
	// Messages accepted, handed out and deleted.
	Sent       int       `json:"sent"`
	Received   int       `json:"received"`
	Deleted    int       `json:"deleted"`
	LastDelete time.Time `json:"last_delete"`
}

func (c counts) total() int {
	n := 0
	for _, k := range c.Requests {
		n += k
	}
	return n
}

// addresses is what the endpoint's process prints first.
type addresses struct {
	SQS     string `json:"sqs"`
	Control string `json:"control"`
}

// endpoint is an emulator behind a delay, with a count of what it is asked for.
type endpoint struct {
	emulator *emulator.Emulator
	half     time.Duration // the way of a request, and of its answer

	mu     sync.Mutex
	counts counts
}

// runEndpoint serves until standard input ends.
func runEndpoint(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("endpoint", flag.ContinueOnError)
	delay := flags.Duration("delay", 0, "what each request takes longer, half on its way and half on the answer's")
	state := flags.String("state", "", "SQLite file of a durable endpoint; none is in memory")
	if err := flags.Parse(args); err != nil {
		return err
	}
	em, err := emulator.Open(emulator.Config{Path: *state})
	if err != nil {
		return err
	}
	client, err := sqsqueue.New(em.SQS(), sqsqueue.Config{})
	if err != nil {
		return err
	}
	if _, err := sqsqueue.Apply(context.Background(), client, tasks.NewRegistry(coreTask(nothing))); err != nil {
		return err
	}
	e := &endpoint{emulator: em, half: *delay / 2}
	e.reset()
	var where addresses
	if where.SQS, err = serve(e.sqs()); err != nil {
		return err
	}
	if where.Control, err = serve(e.control()); err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(where); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	return em.Close()
}

// serve listens on a free port of loopback until the process ends.
func serve(h http.Handler) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { fmt.Fprintln(os.Stderr, "endpoint:", server.Serve(listener)) }()
	return "http://" + listener.Addr().String(), nil
}

// sqs passes requests on to the emulator, late.
func (e *endpoint) sqs() http.Handler {
	next := e.emulator.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
		if e.half > 0 {
			time.Sleep(e.half)
		}
		next.ServeHTTP(&answer{ResponseWriter: w, endpoint: e, operation: operation, status: http.StatusOK}, r)
	})
}

// answer delays and counts one answer. The emulator writes each with a single Write.
type answer struct {
	http.ResponseWriter
	endpoint  *endpoint
	operation string
	status    int
	begun     bool
}

func (a *answer) WriteHeader(status int) {
	a.begin()
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(body []byte) (int, error) {
	a.begin()
	a.endpoint.count(a.operation, a.status, body)
	return a.ResponseWriter.Write(body)
}

func (a *answer) begin() {
	if !a.begun && a.endpoint.half > 0 {
		time.Sleep(a.endpoint.half)
	}
	a.begun = true
}

// kind is the operation's column in the table.
func kind(operation string) string {
	switch operation {
	case "SendMessage", "SendMessageBatch":
		return "send"
	case "ReceiveMessage":
		return "receive"
	case "DeleteMessage", "DeleteMessageBatch":
		return "delete"
	case "ChangeMessageVisibility", "ChangeMessageVisibilityBatch":
		return "visibility"
	}
	return "other"
}

func (e *endpoint) count(operation string, status int, body []byte) {
	n := messagesIn(operation, body)
	e.mu.Lock()
	defer e.mu.Unlock()
	k := kind(operation)
	e.counts.Requests[k]++
	e.counts.Statuses[status]++
	if status != http.StatusOK {
		return
	}
	switch k {
	case "send":
		e.counts.Sent += n
	case "receive":
		e.counts.Received += n
	case "delete":
		e.counts.Deleted += n
		e.counts.LastDelete = time.Now()
	}
}

// messagesIn counts the messages of an answer by members that each has once. Bodies inside it can't have them: their
// quotes are escaped. Of a deletion's answer, failed entries have a code.
func messagesIn(operation string, body []byte) int {
	switch operation {
	case "DeleteMessage":
		return 1
	case "DeleteMessageBatch":
		return bytes.Count(body, []byte(`"Id":`)) - bytes.Count(body, []byte(`"Code":`))
	}
	return bytes.Count(body, []byte(`"MessageId":`))
}

func (e *endpoint) reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts = counts{Requests: map[string]int{}, Statuses: map[int]int{}}
}

func (e *endpoint) read() counts {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.counts
	c.Requests, c.Statuses = map[string]int{}, map[int]int{}
	for k, n := range e.counts.Requests {
		c.Requests[k] = n
	}
	for s, n := range e.counts.Statuses {
		c.Statuses[s] = n
	}
	return c
}

// control is the side door of the process that measures: GET /counts, POST /reset, GET /await?deleted=N, POST /end-waits.
func (e *endpoint) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(e.read()) })
	mux.HandleFunc("POST /reset", func(http.ResponseWriter, *http.Request) { e.reset() })
	mux.HandleFunc("POST /end-waits", func(http.ResponseWriter, *http.Request) { e.emulator.EndWaits() })
	mux.HandleFunc("GET /await", func(w http.ResponseWriter, r *http.Request) {
		want, err := strconv.Atoi(r.FormValue("deleted"))
		if err == nil {
			err = e.await(r.Context(), want)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(e.read())
	})
	return mux
}

// await returns once that many messages were deleted.
func (e *endpoint) await(ctx context.Context, deleted int) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		e.mu.Lock()
		enough := e.counts.Deleted >= deleted
		e.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("gave up waiting for deletions")
		case <-ticker.C:
		}
	}
}
