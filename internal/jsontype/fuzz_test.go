package jsontype_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzValidate compares with encoding/json: what Validate lets pass is read, and comes out as it went in; what
// encoding/json refuses is refused.
func FuzzValidate(f *testing.F) {
	for _, seed := range []string{
		`{"b":true,"i":-1,"i8":127,"u8":255,"u64":1,"f32":1.5,"f64":1e3,"s":"x","p":null,"l":[1],"a":[1,2]}`,
		`{"any":{"a":[1,{"b":null}]},"m":{"x":1},"im":{"-1":"y"},"data":"aGk=","q":"7","qp":"true"}`,
		`{"sub":{"x":1,"Y":2},"subs":[{"price":1}],"node":{"N":1,"Next":{"Next":null}},"ID":3,"num":1.0}`,
		`{"t":"2026-01-02T15:04:05Z","addr":"::1","big":12345678901234567890,"cash":"5","some":null}`,
		`{"i":null}`, `{"u8":256}`, `{"a":[1]}`, `{"s":"\ud83d"}`, `{"i":1,"I":2}`, `[]`, `null`, `{"b":1}`,
	} {
		f.Add([]byte(seed))
	}
	d := described[everything](f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) || !utf8.Valid(text) {
			t.Skip()
		}
		var v everything
		err := d.Decode(text, &v)
		problems := d.Validate(text, false)
		if len(problems) == 0 && err != nil && d.Blame(text) == nil {
			t.Fatalf("%s passes, and encoding/json says %v", text, err)
		}
		if typeErr, is := errors.AsType[*json.UnmarshalTypeError](err); is && len(problems) == 0 && d.Blame(text) == nil {
			t.Fatalf("%s passes, and encoding/json says %v", text, typeErr)
		}
		strict := d.Validate(text, true)
		if len(strict) < len(problems) {
			t.Fatalf("%s: %d problems strictly, %d otherwise", text, len(strict), len(problems))
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if unknown := dec.Decode(new(everything)); len(strict) == 0 && unknown != nil && strings.Contains(unknown.Error(), "unknown field") {
			t.Fatalf("%s passes, and encoding/json says %v", text, unknown)
		}
		if err != nil || len(problems) > 0 {
			return
		}
		again, err := d.Encode(&v)
		if err != nil {
			return // a value that its own type does not write
		}
		if problems := d.Validate(again, true); len(problems) > 0 {
			t.Fatalf("what was read from %s is written as %s, which is refused: %v", text, again, problems)
		}
		var back everything
		if err := d.Decode(again, &back); err != nil {
			t.Fatalf("what was read from %s is written as %s, which is not read: %v", text, again, err)
		}
		if once, err := d.Encode(&back); err != nil || !bytes.Equal(once, again) {
			t.Fatalf("what was read from %s is written as %s, and that as %s (%v)", text, again, once, err)
		}
	})
}
