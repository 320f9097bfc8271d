package tasks

import (
	"reflect"
	"testing"
	"time"
)

func TestScanTakesWhatEncodeWrites(t *testing.T) {
	t.Parallel()
	body, err := Envelope{
		ID: "01a208ee-3ccd-7641-8899-641a78d35774", Task: "reports.generate", EnqueuedAt: time.Date(2026, 11, 23, 14, 2, 40, 123e6, time.UTC),
		Params: []byte(`{"text":",\"enqueued_at\":\"","enqueued_at":"x","n":[1,{}]}`),
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := scanEnvelope(string(body)); !ok {
		t.Errorf("the common form is not recognized: %s", body)
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
