package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coretasks/core/internal/jsontype"
)

// EnvelopeVersion is the version of the wire format that this package writes, and the only one that it reads.
const EnvelopeVersion = 1

// An Envelope is one job as it travels in a message's body. docs/wire-format.md describes it for other languages.
type Envelope struct {
	// Version is the wire format's, 1.
	Version int `json:"v"`
	// ID is the job's: a UUIDv7 made by the producer, the id of a periodic task's tick, or the caller's own.
	ID string `json:"id"`
	// Task is the name that the task was defined with.
	Task string `json:"task"`
	// Params is the task's parameters as JSON.
	Params json.RawMessage `json:"params"`
	// EnqueuedAt is when the producer made the job.
	EnqueuedAt time.Time `json:"enqueued_at"`
	// NotBefore, where it is set, is when the job may run at the earliest: a countdown longer than the queue's own
	// delay can be.
	NotBefore time.Time `json:"not_before,omitzero"`
	// Trace is the producer's trace context (W3C traceparent, tracestate), by header name.
	Trace map[string]string `json:"trace,omitempty"`
}

// An EnvelopeError says why a message's body is not an envelope.
type EnvelopeError struct {
	// Field is the member that is wrong, or empty where the body as a whole is.
	Field   string
	Problem string
}

func (e *EnvelopeError) Error() string {
	if e.Field == "" {
		return "malformed message: " + e.Problem
	}
	return fmt.Sprintf("malformed message: field %q %s", e.Field, e.Problem)
}

// Encode returns the envelope as JSON, with the parameters as they are, to the byte but for one thing: every character
// is one that SQS accepts. What JSON leaves as it is and SQS refuses (U+FFFE, U+FFFF) is escaped.
func (e Envelope) Encode() ([]byte, error) {
	body, err := e.append(make([]byte, 0, len(e.Params)+200))
	if err != nil {
		return nil, fmt.Errorf("encode job %s of task %q: %w", e.ID, e.Task, err)
	}
	return escapeNoncharacters(body), nil
}

func (e Envelope) append(b []byte) ([]byte, error) {
	if e.Params == nil {
		e.Params = json.RawMessage("null")
	}
	if !json.Valid(e.Params) || !utf8.Valid(e.Params) {
		return nil, errors.New("the parameters are not JSON in UTF-8")
	}
	b = append(b, `{"v":1,"id":`...)
	b = appendString(b, e.ID)
	b = append(b, `,"task":`...)
	b = appendString(b, e.Task)
	b = append(b, `,"params":`...)
	b = append(b, e.Params...)
	b, err := appendTime(b, "enqueued_at", e.EnqueuedAt)
	if err == nil && !e.NotBefore.IsZero() {
		b, err = appendTime(b, "not_before", e.NotBefore)
	}
	if err == nil && len(e.Trace) > 0 {
		var trace []byte
		trace, err = json.Marshal(e.Trace)
		b = append(append(b, `,"trace":`...), trace...)
	}
	return append(b, '}'), err
}

func appendTime(b []byte, member string, t time.Time) ([]byte, error) {
	b = append(b, `,"`...)
	b = append(b, member...)
	b = append(b, `":"`...)
	b, err := t.AppendText(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", member, err)
	}
	return append(b, '"'), nil
}

func appendString(b []byte, s string) []byte {
	if isPlain(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	quoted, _ := json.Marshal(s) // a string can be written
	return append(b, quoted...)
}

// escapeNoncharacters writes U+FFFE and U+FFFF, which can stand only inside JSON strings, as escapes.
func escapeNoncharacters(body []byte) []byte {
	if !bytes.Contains(body, []byte("\xef\xbf")) {
		return body
	}
	body = bytes.ReplaceAll(body, []byte("\uFFFE"), []byte(`\ufffe`))
	return bytes.ReplaceAll(body, []byte("\uFFFF"), []byte(`\uffff`))
}

// wire is an envelope as it is read: null is what a producer may write for a member that it does not have.
type wire struct {
	V          *int               `json:"v"`
	ID         *string            `json:"id"`
	Task       *string            `json:"task"`
	Params     json.RawMessage    `json:"params"`
	EnqueuedAt *time.Time         `json:"enqueued_at"`
	NotBefore  *time.Time         `json:"not_before"`
	Trace      map[string]*string `json:"trace"`
}

var wireType = sync.OnceValue(func() *jsontype.Description { return jsontype.Of(reflect.TypeFor[wire](), "") })

// DecodeEnvelope reads a message's body. It refuses, with an [*EnvelopeError], what could not be run for certain: a
// body that is not a JSON object in UTF-8, another version, a missing id, task or params, a member that is given
// twice or has another type. The ID and the task are returned also then, where they can be read: for people, since
// such a body may name any job. Members it does not know are ignored, so that a newer producer of the same version
// can add some.
func DecodeEnvelope(body []byte) (Envelope, error) {
	switch {
	case bytes.HasPrefix(body, []byte(byteOrderMark)):
		return Envelope{}, &EnvelopeError{Problem: "it begins with a byte order mark (U+FEFF), which JSON does not allow"}
	case !utf8.Valid(body): // SQS carries none; encoding/json would let it pass inside parameters
		return Envelope{}, &EnvelopeError{Problem: "it is not valid UTF-8"}
	}
	if !json.Valid(body) {
		return Envelope{}, &EnvelopeError{Problem: "not JSON: " + syntaxProblem(json.Unmarshal(body, new(json.RawMessage)))}
	}
	of := wireType()
	if problems := of.Validate(body, false); len(problems) > 0 {
		return named(body, problems), problemOf(problems[0])
	}
	var w wire
	if err := of.Decode(body, &w); err != nil {
		if p := of.Blame(body); p != nil {
			return named(body, nil), problemOf(*p)
		}
		return named(body, nil), &EnvelopeError{Problem: err.Error()}
	}
	return w.envelope()
}

func problemOf(p jsontype.Problem) *EnvelopeError {
	if p.Place == "" {
		return &EnvelopeError{Problem: "it " + p.Text}
	}
	return &EnvelopeError{Field: p.Place, Problem: p.Text}
}

func (w wire) envelope() (Envelope, error) {
	e := Envelope{Params: w.Params}
	if w.ID != nil {
		e.ID = *w.ID
	}
	if w.Task != nil {
		e.Task = *w.Task
	}
	const reads = "this program reads version 1"
	switch {
	case w.V == nil:
		return e, &EnvelopeError{Field: "v", Problem: "is missing; " + reads}
	case *w.V != EnvelopeVersion:
		return e, &EnvelopeError{Field: "v", Problem: fmt.Sprintf("is version %d; %s", *w.V, reads)}
	case e.ID == "":
		return e, &EnvelopeError{Field: "id", Problem: "is missing"}
	case e.Task == "":
		return e, &EnvelopeError{Field: "task", Problem: "is missing"}
	case e.Params == nil:
		return e, &EnvelopeError{Field: "params", Problem: "is missing"}
	}
	e.Version = *w.V
	if w.EnqueuedAt != nil {
		e.EnqueuedAt = *w.EnqueuedAt
	}
	if w.NotBefore != nil {
		e.NotBefore = *w.NotBefore
	}
	for name, value := range w.Trace {
		if value == nil {
			continue
		}
		if e.Trace == nil {
			e.Trace = map[string]string{}
		}
		e.Trace[name] = *value
	}
	return e, nil
}

// named reads the ID and the task of a malformed envelope. One that is given twice says nothing.
func named(body []byte, problems []jsontype.Problem) (e Envelope) {
	var members struct{ ID, Task json.RawMessage }
	if json.Unmarshal(body, &members) != nil {
		return e
	}
	read := func(name string, from json.RawMessage, to *string) {
		wrong := func(p jsontype.Problem) bool { return p.Place == name }
		if !slices.ContainsFunc(problems, wrong) {
			_ = json.Unmarshal(from, to) // where it is another type there is none
		}
	}
	read("id", members.ID, &e.ID)
	read("task", members.Task, &e.Task)
	return e
}
