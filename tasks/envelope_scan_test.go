package tasks

import (
	"reflect"
	"testing"
	"time"
)

func TestScanTakesWhatEncodeWrites(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 14, 2, 40, 123e6, time.UTC)
	trace := map[string]string{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=1,b=2"}
	for name, e := range map[string]Envelope{
		"the common form": {EnqueuedAt: at},
		"a countdown":     {EnqueuedAt: at, NotBefore: at.Add(time.Hour)},
		"a trace":         {EnqueuedAt: at, Trace: trace},
		"both":            {EnqueuedAt: at, NotBefore: at.Add(time.Hour), Trace: trace},
	} {
		e.Version, e.ID, e.Task = 1, "01a208ee-3ccd-7641-8899-641a78d35774", "reports.generate"
		e.Params = []byte(`{"text":",\"enqueued_at\":\"","enqueued_at":"x","n":[1,{}]}`)
		body, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := scanEnvelope(string(body)); !ok || !reflect.DeepEqual(got, e) {
			t.Errorf("%s is not recognized: %s is %+v", name, body, got)
		}
	}
}

// FuzzScanEnvelope: whatever the scan accepts, encoding/json accepts and reads the same.
func FuzzScanEnvelope(f *testing.F) {
	const good = `{"v":1,"id":"1","task":"a","params":{},"enqueued_at":"2026-01-01T00:00:00Z"}`
	for _, seed := range []string{
		good,
		`{"v":1,"id":"1","task":"a","params":{"b":1,"enqueued_at":"2026-01-01T00:00:00Z"}}`,
		`{"v":1,"id":"1","task":"a","params":{},"id":"2","enqueued_at":"2026-01-01T00:00:00Z"}`,
		`{"v":1,"id":"1","task":"a","params":{},"trace":{},"enqueued_at":"2026-01-01T00:00:00Z"}`,
		`{"v":1,"id":"","task":"a","params":1,"enqueued_at":"2026-01-01T00:00:00,5Z"}`,
		`{"v":1,"id":"\u0031","task":"a","params":"",,"enqueued_at":""}`,
		`{"v":1,"id":"1","task":"a","params": {} ,"enqueued_at":"2026-01-01T00:00:00Z"}`,
		`{"v":1,"id":"1","task":"a","params":{},"enqueued_at":"2026-01-01T00:00:00Z","not_before":"2026-01-02T00:00:00+01:00"}`,
		`{"v":1,"id":"1","task":"a","params":{},"enqueued_at":"2026-01-01T00:00:00Z","not_before":"","trace":{}}`,
		`{"v":1,"id":"1","task":"a","params":{},"enqueued_at":"2026-01-01T00:00:00Z","trace":{"a":"b","a":"c"}}`,
		`{"v":1,"id":"1","task":"a","params":{},"enqueued_at":"2026-01-01T00:00:00Z","trace":{"a":"b","c":",\"enqueued_at\":\""},"v":1}`,
		good + " ", " " + good,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		scanned, ok := scanEnvelope(body)
		if !ok {
			return
		}
		decoded, err := DecodeEnvelope([]byte(body))
		if err != nil || !reflect.DeepEqual(scanned, decoded) {
			t.Fatalf("scanned %+v\ndecoded %+v (%v)", scanned, decoded, err)
		}
	})
}
