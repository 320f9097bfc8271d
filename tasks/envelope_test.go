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
		"nothing":           {``, `malformed message: not JSON: unexpected end of JSON input at byte 0`},
		"no JSON":           {`hello`, `malformed message: not JSON: invalid character 'h' looking for beginning of value at byte 1`},
		"an array":          {`[]`, `malformed message: it must be an object, not a JSON array`},
		"null":              {`null`, `malformed message: it must be an object, not a JSON null`},
		"a null version":    {`{"v":null,"id":"1","task":"a","params":{}}`, `malformed message: field "v" is missing; this program reads version 1`},
		"no version":        {`{"id":"1","task":"a","params":{}}`, `malformed message: field "v" is missing; this program reads version 1`},
		"a newer version":   {`{"v":2,"id":"1","task":"a","params":{}}`, `malformed message: field "v" is version 2; this program reads version 1`},
		"no id":             {`{"v":1,"task":"a","params":{}}`, `malformed message: field "id" is missing`},
		"no task":           {`{"v":1,"id":"1","params":{}}`, `malformed message: field "task" is missing`},
		"no params":         {`{"v":1,"id":"1","task":"a"}`, `malformed message: field "params" is missing`},
		"an id of numbers":  {`{"v":1,"id":1,"task":"a","params":{}}`, `malformed message: field "id" must be a string, not a JSON number`},
		"a bad time":        {`{"v":1,"id":"1","task":"a","params":{},"not_before":"soon"}`, `malformed message: field "not_before" must be a time as RFC 3339 has it, such as 2026-01-02T15:04:05Z`},
		"a number of time":  {`{"v":1,"id":"1","task":"a","enqueued_at":1732700000}`, `malformed message: field "enqueued_at" must be a time as RFC 3339 has it, such as 2026-01-02T15:04:05Z`},
		"a part version":    {`{"v":1.5,"id":"1","task":"a","params":{}}`, `malformed message: field "v" must be a whole number, without point and exponent`},
		"two ids":           {`{"v":1,"id":"1","id":"2","task":"a","params":{}}`, `malformed message: field "id" is given twice`},
		"two IDs":           {`{"v":1,"id":"1","ID":"2","task":"a","params":{}}`, `malformed message: field "id" is given twice`},
		"a list of traces":  {`{"v":1,"id":"1","task":"a","params":{},"trace":["x"]}`, `malformed message: field "trace" must be an object, not a JSON array`},
		"a byte order mark": {"\uFEFF" + `{"v":1,"id":"1","task":"a","params":{}}`, `malformed message: it begins with a byte order mark (U+FEFF)`},
		"Latin-1":           {"{\"v\":1,\"id\":\"\xe4\",\"task\":\"a\",\"params\":{}}", `malformed message: it is not valid UTF-8`},
		"more behind it":    {`{"v":1,"id":"1","task":"a","params":{}} x`, `malformed message: not JSON: invalid character 'x' after top-level value`},
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
	for _, body := range []string{
		`{"v":1,"id":"1","task":"a","params":{},"enqueued_at":null,"not_before":null,"trace":null}`,
		`{"v":1,"id":"1","task":"a","params":{},"trace":{"tracestate":null}}`,
	} {
		if e, err := tasks.DecodeEnvelope([]byte(body)); err != nil || !e.EnqueuedAt.IsZero() || !e.NotBefore.IsZero() || e.Trace != nil {
			t.Errorf("null for what a job may lack: %+v, %v", e, err)
		}
	}
}

// TestAMalformedEnvelopeStillTellsItsJob keeps what can be read of a body that is no envelope otherwise.
func TestAMalformedEnvelopeStillTellsItsJob(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][2]string{
		`{"v":1,"id":"j1","task":"a","enqueued_at":1732700000}`: {"j1", "a"},
		`{"v":2,"id":"j1","task":"a","params":{}}`:              {"j1", "a"},
		`{"id":"j1","task":7}`:                                  {"j1", ""},
		`{"ID":"j1","Task":"a"}`:                                {"j1", "a"},
		`{"v":1,"id":"other","id":"j1","task":"a","params":{}}`: {"", "a"},
		`{"v":1,"id":"other","ID":"j1","task":"a","params":{}}`: {"", "a"},
		`{"id":{"x":1},"task":"a"}`:                             {"", "a"},
		`["j1"]`:                                                {"", ""},
		`{"id":"j1"`:                                            {"", ""},
	} {
		if e, err := tasks.DecodeEnvelope([]byte(body)); err == nil || e.ID != want[0] || e.Task != want[1] {
			t.Errorf("%s: %+v, %v; want job %q of task %q", body, e, err, want[0], want[1])
		}
	}
}

// TestParametersTravelAsTheyAre, to the byte.
func TestParametersTravelAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, params := range []string{
		`{"any": 9007199254740993, "f":1.0, "e":1E2, "s":"\u00e4\/<&>", "a" : [ 1,` + "\n\t" + `2 ]}`, `null`, `"x"`, `[]`, `0.10`,
	} {
		body, err := tasks.Envelope{ID: "1", Task: "a", Params: json.RawMessage(params), EnqueuedAt: time.Unix(0, 0).UTC()}.Encode()
		if err != nil || !strings.Contains(string(body), `"params":`+params+`,"enqueued_at":`) {
			t.Errorf("%s travels in %s (%v)", params, body, err)
		}
		if e, err := tasks.DecodeEnvelope(body); err != nil || string(e.Params) != params {
			t.Errorf("%s arrives as %s (%v)", params, e.Params, err)
		}
	}
	for _, wrong := range []string{"", " ", "{", "{}{}", "nil", "\"\xff\""} {
		if body, err := (tasks.Envelope{ID: "1", Task: "a", Params: json.RawMessage(wrong)}).Encode(); err == nil {
			t.Errorf("parameters %q are written as %s", wrong, body)
		}
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
