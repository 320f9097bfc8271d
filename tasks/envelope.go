package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
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

// Encode returns the envelope as JSON. Every character of it is one that SQS accepts: what JSON leaves as it is and SQS
// refuses (U+FFFE, U+FFFF) is escaped.
func (e Envelope) Encode() ([]byte, error) {
	e.Version = EnvelopeVersion
	body, err := marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode job %s of task %q: %w", e.ID, e.Task, err)
	}
	return body, nil
}

// marshal is json.Marshal without the escapes that only HTML needs, which would make "<" six bytes long.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return escapeNoncharacters(bytes.TrimSuffix(buf.Bytes(), []byte("\n"))), nil
}

// escapeNoncharacters writes U+FFFE and U+FFFF, which can stand only inside JSON strings, as escapes.
func escapeNoncharacters(body []byte) []byte {
	if !bytes.Contains(body, []byte("\xef\xbf")) {
		return body
	}
	body = bytes.ReplaceAll(body, []byte("\uFFFE"), []byte(`\ufffe`))
	return bytes.ReplaceAll(body, []byte("\uFFFF"), []byte(`\uffff`))
}

// DecodeEnvelope reads a message's body. It refuses, with an [*EnvelopeError], what could not be run for certain: a
// body that is not a JSON object in UTF-8, another version, a missing id, task or params. Members it does not know are ignored,
// so that a newer producer of the same version can add some.
func DecodeEnvelope(body []byte) (Envelope, error) {
	if !utf8.Valid(body) { // SQS carries none; encoding/json would let it pass inside parameters
		return Envelope{}, &EnvelopeError{Problem: "it is not valid UTF-8"}
	}
	var e Envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return Envelope{}, envelopeError(err)
	}
	switch {
	case e.Version == 0:
		return Envelope{}, &EnvelopeError{Field: "v", Problem: "is missing; this program reads version 1"}
	case e.Version != EnvelopeVersion:
		return Envelope{}, &EnvelopeError{Field: "v", Problem: fmt.Sprintf("is version %d; this program reads version 1", e.Version)}
	case e.ID == "":
		return Envelope{}, &EnvelopeError{Field: "id", Problem: "is missing"}
	case e.Task == "":
		return Envelope{}, &EnvelopeError{Field: "task", Problem: "is missing"}
	case e.Params == nil:
		return Envelope{}, &EnvelopeError{Field: "params", Problem: "is missing"}
	}
	return e, nil
}

func envelopeError(err error) error {
	if typeErr, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if typeErr.Field == "" {
			return &EnvelopeError{Problem: "it is a JSON " + typeErr.Value + ", not an object"}
		}
		return &EnvelopeError{Field: typeErr.Field, Problem: "is a JSON " + typeErr.Value + ", not " + jsonKind(typeErr.Type)}
	}
	if syntaxErr, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &EnvelopeError{Problem: fmt.Sprintf("not JSON: %v at byte %d", syntaxErr, syntaxErr.Offset)}
	}
	return &EnvelopeError{Problem: strings.TrimPrefix(err.Error(), "json: ")}
}
