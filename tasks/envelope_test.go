package tasks_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coretasks/core/tasks"
)

func TestEnvelopeGoesThere(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	want := tasks.Envelope{
		Version: 1, ID: "0193", Task: "a.b", Params: json.RawMessage(`{"x":1}`), EnqueuedAt: at,
		NotBefore: at.Add(time.Hour), Trace: map[string]string{"traceparent": "00-ab-cd-01"},
	}
	body, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	const text = `{"v":1,"id":"0193","task":"a.b","params":{"x":1},"enqueued_at":"2026-11-23T14:00:00Z",` +
		`"not_before":"2026-11-23T15:00:00Z","trace":{"traceparent":"00-ab-cd-01"}}`
	if string(body) != text {
		t.Errorf("wire format\n%s\nwant\n%s", body, text)
	}
	got, err := tasks.DecodeEnvelope(body)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decoded %+v (%v)\nwant    %+v", got, err, want)
	}
}

func TestEnvelopeRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ body, want string }{
		"nothing":          {``, `malformed message: not JSON: unexpected end of JSON input at byte 0`},
		"no JSON":          {`hello`, `malformed message: not JSON: invalid character 'h' looking for beginning of value at byte 1`},
		"an array":         {`[]`, `malformed message: it is a JSON array, not an object`},
		"null":             {`null`, `malformed message: field "v" is missing; this program reads version 1`},
		"no version":       {`{"id":"1","task":"a","params":{}}`, `malformed message: field "v" is missing; this program reads version 1`},
		"a newer version":  {`{"v":2,"id":"1","task":"a","params":{}}`, `malformed message: field "v" is version 2; this program reads version 1`},
		"no id":            {`{"v":1,"task":"a","params":{}}`, `malformed message: field "id" is missing`},
		"no task":          {`{"v":1,"id":"1","params":{}}`, `malformed message: field "task" is missing`},
		"no params":        {`{"v":1,"id":"1","task":"a"}`, `malformed message: field "params" is missing`},
		"an id of numbers": {`{"v":1,"id":1,"task":"a","params":{}}`, `malformed message: field "id" is a JSON number, not a string`},
		"a bad time":       {`{"v":1,"id":"1","task":"a","params":{},"not_before":"soon"}`, `malformed message: `},
		"more behind it":   {`{"v":1,"id":"1","task":"a","params":{}} x`, `malformed message: not JSON: invalid character 'x' after top-level value`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tasks.DecodeEnvelope([]byte(tc.body))
			if _, isEnvelope := errors.AsType[*tasks.EnvelopeError](err); !isEnvelope || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
	if e, err := tasks.DecodeEnvelope([]byte(`{"v":1,"id":"1","task":"a","params":null,"later":true}`)); err != nil || string(e.Params) != "null" {
		t.Errorf("a member of a newer producer: %+v, %v", e, err)
	}
}

// FuzzDecodeEnvelope: no body panics; what is accepted has what a run needs, and comes back the same after encoding, in
// characters that SQS takes.
func FuzzDecodeEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"id":"1","task":"a","params":{}}`,
		`{"v":1,"id":"1","task":"a","params":{"x":[1,2]},"enqueued_at":"2026-01-01T00:00:00Z","not_before":"2027-01-01T00:00:00+02:00","trace":{"a":"b"}}`,
		`{"v":2}`, `{"V":1,"ID":"x","Task":"\ud800","Params":"\uffff"}`, `[]`, `null`, ``, "{\"v\":1,\"id\":\"\xff\"}", "\"\uFFFE\"",
		"{\"v\":1,\"id\":\"0\",\"task\":\"0\",\"params\":{\"\x8e\":\"\"}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := tasks.DecodeEnvelope(body)
		if err != nil {
			if _, isEnvelope := errors.AsType[*tasks.EnvelopeError](err); !isEnvelope {
				t.Fatalf("error %#v is not an EnvelopeError", err)
			}
			return
		}
		if e.Version != 1 || e.ID == "" || e.Task == "" || e.Params == nil {
			t.Fatalf("accepted %+v", e)
		}
		again, err := e.Encode()
		if err != nil {
			return // a year that RFC 3339 has not can be read but not written
		}
		if !utf8.Valid(again) {
			t.Fatalf("encoded %q", again)
		}
		for _, r := range string(again) {
			if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
				t.Fatalf("encoded %q has %U, which SQS refuses", again, r)
			}
		}
		same, err := tasks.DecodeEnvelope(again)
		if err != nil || same.ID != e.ID || same.Task != e.Task || !same.NotBefore.Equal(e.NotBefore) || !sameJSON(same.Params, e.Params) {
			t.Fatalf("%+v came back as %+v (%v)", e, same, err)
		}
	})
}

func sameJSON(a, b []byte) bool {
	var x, y any
	ax, bx := json.NewDecoder(bytes.NewReader(a)), json.NewDecoder(bytes.NewReader(b))
	ax.UseNumber()
	bx.UseNumber()
	return ax.Decode(&x) == nil && bx.Decode(&y) == nil && reflect.DeepEqual(x, y)
}
