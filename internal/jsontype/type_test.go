package jsontype_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/internal/guard"
	"github.com/coretasks/core/internal/jsontype"
)

// TestTypesThatCantBeUsed are those whose values can't be written, can't be read back, or lose something on the way.
func TestTypesThatCantBeUsed(t *testing.T) {
	t.Parallel()
	const usable = ""
	for _, tc := range []struct {
		of   reflect.Type
		want string // in one of the problems
	}{
		{reflect.TypeFor[struct{}](), usable},
		{reflect.TypeFor[any](), usable},
		{reflect.TypeFor[*int](), usable},
		{reflect.TypeFor[everything](), usable},
		{reflect.TypeFor[node](), usable},
		{reflect.TypeFor[struct{ base }](), usable}, // what an embedded struct exports can be read
		{reflect.TypeFor[EmbedsExported](), usable},
		{reflect.TypeFor[maybe](), usable},
		{reflect.TypeFor[[]money](), usable},
		{reflect.TypeFor[map[netip.Addr]*big.Rat](), usable},
		{reflect.TypeFor[level](), usable},  // its own code refuses to write the zero value, which says nothing
		{reflect.TypeFor[panics](), usable}, // likewise
		{reflect.TypeFor[shapes](), usable}, // an interface that its owner reads
		{reflect.TypeFor[withLock](), usable},
		{reflect.TypeFor[pointerWriter](), usable},
		{reflect.TypeFor[[]pointerWriter](), usable},
		{reflect.TypeFor[struct {
			A int
			_ [0]func()
		}](), usable},
		{reflect.TypeFor[struct {
			C chan int `json:"-"`
			c chan int
		}](), usable},

		{reflect.TypeFor[chan int](), "T: is a chan int, which can't be JSON"},
		{reflect.TypeFor[struct {
			Deep []map[string]struct{ C func() }
		}](), "T.Deep[][].C: is a func()"},
		{reflect.TypeFor[complex64](), "T: is a complex64"},
		{reflect.TypeFor[map[struct{}]int](), "T: has keys of type struct {}"},
		{reflect.TypeFor[map[bool]int](), "T: has keys of type bool"},
		{reflect.TypeFor[embedsPointer](), "T.base.ID: lies in an embedded pointer to jsontype_test.base"},
		{reflect.TypeFor[struct{ In *embedsPointer }](), "T.In.base.ID: lies in an embedded pointer"},
		{reflect.TypeFor[reads](), "T.R: is an interface with methods, io.Reader"},
		{reflect.TypeFor[[]shape](), "T[]: is an interface with methods, jsontype_test.shape"},
		{reflect.TypeFor[error](), "T: is an interface with methods, error"},
		{reflect.TypeFor[struct{ M map[string]json.Marshaler }](), "T.M[]: is an interface with methods"},
		{reflect.TypeFor[onlyHidden](), "T: has only unexported fields"},
		{reflect.TypeFor[struct{ Mail []onlyHidden }](), "T.Mail[]: has only unexported fields"},
		{reflect.TypeFor[struct{ onlyHidden }](), "T: has only unexported fields"},
		{reflect.TypeFor[struct{ Zone *time.Location }](), "T.Zone: has only unexported fields"},
		{reflect.TypeFor[date](), "T: can't be read back: the zero value of jsontype_test.date is written as"},
		{reflect.TypeFor[struct{ Due []*date }](), "T.Due[]: can't be read back"},
		{reflect.TypeFor[map[string]date](), "T[]: can't be read back"},
		{reflect.TypeFor[struct{ date }](), "T: can't be read back"}, // the methods are promoted
		{reflect.TypeFor[stamped](), "T: loses its field Name: it embeds time.Time"},
		{reflect.TypeFor[struct{ At stamped }](), "T.At: loses its field Name"},
		{reflect.TypeFor[struct {
			*big.Int
			Tags []string
		}](), "T: loses its field Tags: it embeds *big.Int"},
		{reflect.TypeFor[writeOnly](), "T: writes itself, and can't be read back"},
		{reflect.TypeFor[map[string]pointerWriter](), "T[]: can't be read back"}, // a map's values have no address
		{reflect.TypeFor[struct {
			A pointerWriter
			M map[string]pointerWriter
		}](), "T.M[]: can't be read back"},
		{reflect.TypeFor[twoIDs](), `T: embeds several fields named "ID"`},
		{reflect.TypeFor[ambiguous](), "T.writeOnly: is embedded, so that the own form of jsontype_test.writeOnly is not used"},
	} {
		d := jsontype.Of(tc.of, "T")
		problems := d.Problems
		if len(problems) == 0 {
			problems = d.Probe("T")
		}
		if got := list(problems); tc.want == usable && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%v: %q, want %q", tc.of, got, tc.want)
		}
	}
}

// TestFieldsAreThoseOfEncodingJSON compares which members a struct has.
func TestFieldsAreThoseOfEncodingJSON(t *testing.T) {
	t.Parallel()
	type Deep struct{ D, N int }
	type Inner struct {
		Deep
		N   int
		Tag int `json:"tag"`
	}
	type outer struct {
		Inner
		*Base
		X         int `json:"-,"`   //nolint:staticcheck // how encoding/json reads it is the point
		Bad       int `json:"a\"b"` //nolint:staticcheck // likewise
		Omit      int `json:",omitempty"`
		Zero      int `json:"zero,omitzero"`
		unseen    int //nolint:unused // JSON leaves it out
		Untagged  int
		Tagged    int   `json:"Untagged"`
		Named     Inner `json:"inner"`
		Inner2    `json:"embedded_by_name"`
		Interface any
	}
	d := jsontype.Of(reflect.TypeFor[outer](), "T")
	text, err := json.Marshal(outer{Base: &Base{}, Omit: 1, Zero: 1})
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Fields {
		if _, ok := members[f.Name]; !ok {
			t.Errorf("field %s is none of %s", f.Name, text)
		}
		if want := f.Name == "Omit" || f.Name == "zero"; f.Optional != want {
			t.Errorf("field %s: optional is %v", f.Name, f.Optional)
		}
	}
	if len(d.Fields) != len(members) {
		t.Errorf("%d fields, want the %d of %s", len(d.Fields), len(members), text)
	}
}

type Inner2 struct{ A int }

func TestWhatRunsOthersCode(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		of            reflect.Type
		reads, writes bool
	}{
		{reflect.TypeFor[struct {
			T time.Time
			N *big.Int
			R json.RawMessage
		}](), false, false},
		{reflect.TypeFor[any](), false, true},
		{reflect.TypeFor[[]money](), true, true},
		{reflect.TypeFor[map[level]int](), true, true},
		{reflect.TypeFor[struct{ *date }](), true, true},
	} {
		if d := jsontype.Of(tc.of, "T"); d.Reads != tc.reads || d.Writes != tc.writes {
			t.Errorf("%v: reads %v, writes %v; want %v and %v", tc.of, d.Reads, d.Writes, tc.reads, tc.writes)
		}
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	bad := "a\xffb"
	circle := map[string]any{}
	circle["self"] = circle
	ring := &node{}
	ring.Next = ring
	list := &node{}
	for range 200_000 {
		list = &node{Next: list}
	}
	deep := &node{}
	for range 9_998 {
		deep = &node{Next: deep}
	}
	for name, tc := range map[string]struct {
		value any // a pointer
		want  string
		err   string
	}{
		"plain":                   {value: &struct{ S string }{"<ä&\u2028>"}, want: "{\"S\":\"<ä&\\u2028>\"}"},
		"a real U+FFFD":           {value: &[]string{"\uFFFD"}, want: "[\"\uFFFD\"]"},
		"an escape of it":         {value: &[]string{`\ufffd`}, want: `["\\ufffd"]`},
		"an escape in raw JSON":   {value: &[]json.RawMessage{json.RawMessage(`"\ufffd"`)}, want: `["\ufffd"]`},
		"by a pointer's method":   {value: &pointerWriter{N: 7}, want: `"7"`},
		"nothing":                 {value: new(any), want: "null"},
		"a number JSON lacks":     {value: &[]float64{0, inf()}, err: "unsupported value: +Inf"},
		"bad text":                {value: &bad, err: "a text is not valid UTF-8"},
		"in a field":              {value: &struct{ A, B string }{"a", bad}, err: `field "B" is not valid UTF-8`},
		"in an element":           {value: &struct{ L []any }{[]any{1, map[string]any{"x": []string{"", bad}}}}, err: `field "L.1.*.1" is not valid UTF-8`},
		"in a key":                {value: &map[string]int{bad: 1}, err: `field "*" is not valid UTF-8`},
		"in an embedded struct":   {value: &struct{ named }{named{Text: bad}}, err: `field "text" is not valid UTF-8`},
		"in raw JSON":             {value: &struct{ R json.RawMessage }{json.RawMessage(`"` + bad + `"`)}, err: `field "R" is not valid UTF-8`},
		"in what a type writes":   {value: &struct{ N any }{badText{}}, err: `field "N" is not valid UTF-8`},
		"bytes are not text":      {value: &[]byte{0xFF}, want: `"/w=="`},
		"a map in itself":         {value: &circle, err: "contains itself"},
		"a ring":                  {value: ring, err: "contains itself"},
		"a ring that is hidden":   {value: hiddenRing(), want: `{"Name":"root","Children":[{"Name":"leaf","Children":null}]}`},
		"a very long list":        {value: list, err: "nested deeper than the 10,000 levels"},
		"a deep list":             {value: deep},
		"a list a bit too deep":   {value: &[]any{[]any{[]any{[]any{[]any{[]any{[]any{[]any{[]any{deep}}}}}}}}}, err: "nested deeper"},
		"a panic":                 {value: &panics{}, err: "panic: can't write"},
		"a panic inside":          {value: &[]any{1, &panics{}}, err: "panic: can't write"},
		"a typed nil that panics": {value: &struct{ P any }{(*nilPanics)(nil)}, want: `{"P":null}`},
	} {
		d := jsontype.Of(reflect.TypeOf(tc.value).Elem(), "T")
		got, err := d.Encode(tc.value)
		switch {
		case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
			t.Errorf("%s: error %v, want %q", name, err, tc.err)
		case tc.err == "" && (err != nil || tc.want != "" && string(got) != tc.want):
			t.Errorf("%s: %s (%v), want %s", name, got, err, tc.want)
		}
	}
	if _, err := jsontype.Of(reflect.TypeFor[panics](), "T").Encode(&panics{}); !errors.As(err, new(*guard.Panic)) {
		t.Errorf("a panic is a %T", err)
	}
}

type named struct {
	Text string `json:"text"`
}

type badText struct{}

func (badText) MarshalText() ([]byte, error) { return []byte("\xff"), nil }

type nilPanics struct{ n int }

func (p *nilPanics) MarshalText() ([]byte, error) { return []byte{byte(p.n)}, nil }

func inf() float64 {
	var zero float64
	return 1 / zero
}

func TestDecodeHoldsPanics(t *testing.T) {
	t.Parallel()
	d := described[struct{ P panics }](t)
	if err := d.Decode([]byte(`{"P":1}`), new(struct{ P panics })); !errors.As(err, new(*guard.Panic)) {
		t.Errorf("error %v, want the panic", err)
	}
}
