package jsontype_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/coretasks/core/internal/jsontype"
)

func described[T any](t testing.TB) *jsontype.Description {
	t.Helper()
	d := jsontype.Of(reflect.TypeFor[T](), "T")
	if problems := append(d.Problems, d.Probe("T")...); len(problems) > 0 {
		t.Fatalf("the type is refused: %v", problems)
	}
	return d
}

func list(problems []jsontype.Problem) string {
	var lines []string
	for _, p := range problems {
		lines = append(lines, strings.TrimSpace(p.Place+": "+p.Text))
	}
	return strings.Join(lines, "\n")
}

func TestValidate(t *testing.T) {
	t.Parallel()
	d := described[everything](t)
	const thousand = "1000000000000000000000"
	for text, want := range map[string]string{
		`{}`:                                     "",
		` { "b" : true , "i" : -1 } `:            "",
		`{"I":1,"S":"x"}`:                        "",
		`null`:                                   ": must be an object, not a JSON null",
		`[]`:                                     ": must be an object, not a JSON array",
		`"x"`:                                    ": must be an object, not a JSON string",
		`{"b":1}`:                                "b: must be true or false, not a JSON number",
		`{"b":null}`:                             "b: must be true or false, not a JSON null",
		`{"i":null}`:                             "i: must be a whole number, not a JSON null",
		`{"i":"7"}`:                              "i: must be a whole number, not a JSON string",
		`{"i":1.5}`:                              "i: must be a whole number, without point and exponent",
		`{"i":1e3}`:                              "i: must be a whole number, without point and exponent",
		`{"i":-0}`:                               "",
		`{"i":9223372036854775807}`:              "",
		`{"i":9223372036854775808}`:              "i: is out of range: it must be a whole number from -9223372036854775808 to 9223372036854775807",
		`{"i":` + thousand + `}`:                 "i: is out of range: it must be a whole number from -9223372036854775808 to 9223372036854775807",
		`{"i8":127}`:                             "",
		`{"i8":-128}`:                            "",
		`{"i8":128}`:                             "i8: is out of range: it must be a whole number from -128 to 127",
		`{"u8":255}`:                             "",
		`{"u8":300}`:                             "u8: is out of range: it must be a whole number from 0 to 255",
		`{"u8":-1}`:                              "u8: is out of range: it must be a whole number from 0 to 255",
		`{"u64":18446744073709551615}`:           "",
		`{"u64":18446744073709551616}`:           "u64: is out of range: it must be a whole number from 0 to 18446744073709551615",
		`{"f32":3.4e38}`:                         "",
		`{"f32":3.5e38}`:                         "f32: is out of range: it must be a number from -3.40282e+38 to 3.40282e+38",
		`{"f64":1e400}`:                          "f64: is out of range: it must be a number from -1.79769e+308 to 1.79769e+308",
		`{"f64":` + thousand + thousand + `}`:    "",
		`{"s":null}`:                             "s: must be a string, not a JSON null",
		`{"s":{"a":[1,"}"]},"i":"x"}`:            "s: must be a string, not a JSON object\ni: must be a whole number, not a JSON string",
		`{"s":"\ud83d\ude00"}`:                   "",
		`{"s":"\ud83d"}`:                         "s: has half of a surrogate pair, which is no character",
		`{"s":"\ude00\ud83d"}`:                   "s: has half of a surrogate pair, which is no character",
		`{"s":"\\ud83d"}`:                        "",
		`{"s":"\ufffd"}`:                         "",
		`{"\u0073":"x"}`:                         "",
		`{"s":"1","\u0073":"2"}`:                 "s: is given twice (letter case does not tell members apart)",
		`{"s":"1","S":"2"}`:                      "s: is given twice (letter case does not tell members apart)",
		`{"ſ":"1"}`:                              "", // LATIN SMALL LETTER LONG S folds to s, as encoding/json has it
		`{"p":null,"l":null,"m":null}`:           "",
		`{"p":"x"}`:                              "p: must be a whole number, not a JSON string",
		`{"l":[1,null]}`:                         "l.1: must be a whole number, not a JSON null",
		`{"l":[1,"2",3]}`:                        "l.1: must be a whole number, not a JSON string",
		`{"a":[1,2]}`:                            "",
		`{"a":[ ]}`:                              "a: must have exactly 2 elements, not 0",
		`{"a":[1]}`:                              "a: must have exactly 2 elements, not 1",
		`{"a":[1,2,3]}`:                          "a: must have exactly 2 elements, not 3",
		`{"a":null}`:                             "a: must be an array, not a JSON null",
		`{"raw":null}`:                           "",
		`{"raw":{"a":1,"a":2}}`:                  "", // kept as it is
		`{"num":1.50}`:                           "",
		`{"num":"1e5"}`:                          "",
		`{"num":"x"}`:                            "num: must be a number, not a JSON string",
		`{"num":""}`:                             "num: must be a number, not a JSON string",
		`{"num":null}`:                           "num: must be a number, not a JSON null",
		`{"any":null}`:                           "",
		`{"any":[{"a":1},{"a":1}]}`:              "",
		`{"any":[{"a":1,"b":2,"a":3}]}`:          "any.0.*: is given twice",
		`{"any":1e999}`:                          "any: is out of range: it must be a number from -1.79769e+308 to 1.79769e+308",
		`{"any":"\udead"}`:                       "any: has half of a surrogate pair, which is no character",
		`{"m":{"x":1,"y":300}}`:                  "m.*: is out of range: it must be a whole number from -128 to 127",
		`{"m":{"x":1,"x":1}}`:                    "m.*: is given twice",
		`{"m":{"x":null}}`:                       "m.*: must be a whole number, not a JSON null",
		`{"im":{"1":"a","-128":"b"}}`:            "",
		`{"im":{"1":"a","01":"b"}}`:              "im.*: is given twice",
		`{"im":{"128":"a"}}`:                     "im.*: has a name that must be a whole number from -128 to 127",
		`{"im":{"x":"a"}}`:                       "im.*: has a name that must be a whole number from -128 to 127",
		`{"data":"aGk="}`:                        "",
		`{"data":[104,105]}`:                     "",
		`{"data":[256]}`:                         "data.0: is out of range: it must be a whole number from 0 to 255",
		`{"data":null}`:                          "",
		`{"data":{}}`:                            "data: must be bytes in base64, in a string, not a JSON object",
		`{"t":null}`:                             "t: must be a time as RFC 3339 has it, such as 2026-01-02T15:04:05Z, not a JSON null",
		`{"d":"5s"}`:                             "d: must be a whole number of nanoseconds, not a JSON string",
		`{"addr":null}`:                          "addr: must be an IP address inside a string, not a JSON null",
		`{"addr":1}`:                             "addr: must be an IP address inside a string, not a JSON number",
		`{"big":null}`:                           "",
		`{"q":"7"}`:                              "",
		`{"q":7}`:                                "q: must be a whole number inside a string",
		`{"q":"x"}`:                              "q: must be a whole number inside a string",
		`{"q":"null"}`:                           "q: must be a whole number inside a string",
		`{"q":" 7"}`:                             "q: must be a whole number inside a string",
		`{"q":""}`:                               "q: must be a whole number inside a string",
		`{"q":null}`:                             "q: must be a whole number, not a JSON null",
		`{"qp":null}`:                            "",
		`{"qp":"true"}`:                          "",
		`{"qp":"1"}`:                             "qp: must be true or false, not a JSON number inside a string",
		`{"cash":null}`:                          "cash: must be a string that jsontype_test.money reads, not a JSON null",
		`{"cash":7}`:                             "cash: must be a string that jsontype_test.money reads, not a JSON number",
		`{"some":null}`:                          "",
		`{"sub":{"x":1,"y":"2"}}`:                "sub.Y: must be a whole number, not a JSON string",
		`{"sub":null}`:                           "sub: must be an object, not a JSON null",
		`{"subs":[{"price":1},{"price":70000}]}`: "subs.1.price: is out of range: it must be a whole number from 0 to 65535",
		`{"node":{"N":1,"Next":{"N":null}}}`:     "node.Next.N: must be a whole number, not a JSON null",
		`{"ID":"x"}`:                             "ID: must be a whole number, not a JSON string",
		`{"other":[{"a":1,"a":null}],"x":1e999}`: "", // unknown members are left alone
		`{"any":` + deepText + `}`:               "",
	} {
		if !json.Valid([]byte(text)) {
			t.Errorf("%.80s is not JSON", text)
			continue
		}
		if got := list(d.Validate([]byte(text), false)); got != strings.TrimPrefix(want, ": ") && got != want {
			t.Errorf("%.80s:\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func TestValidateStrictly(t *testing.T) {
	t.Parallel()
	type inner struct{ X, Y int }
	type params struct {
		In   inner            `json:"in"`
		M    map[string]inner `json:"m"`
		None struct{}
	}
	d := described[params](t)
	for text, want := range map[string]string{
		`{"in":{"x":1},"m":{"any":{}}}`: "",
		`{"user":1}`:                    "user: is unknown",
		`{"in":{"z":1}}`:                "in.z: is unknown",
		`{"m":{"secret":{"z":1}}}`:      "m.secret.z: is unknown",
		`{"None":{"z":1}}`:              "None.z: is unknown",
		`{"\u001b[31m":1}`:              `\x1b[31m: is unknown`,
		`{"":1}`:                        `"": is unknown`,
		`{"in":{"x":1,"X":1,"z":{"z":"}"}},"` + strings.Repeat("ä", 100) + `":1}`: "in.X: is given twice (letter case does not tell members apart)\n" +
			"in.z: is unknown\n" + strings.Repeat("ä", 50) + "...: is unknown",
	} {
		if got := list(d.Validate([]byte(text), true)); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", text, got, want)
		}
	}
	p := d.Validate([]byte(`{"user":1}`), true)[0]
	if !p.Unknown || !slices.Equal(p.Known, []string{"in", "m", "None"}) {
		t.Errorf("%+v", p)
	}
}

func TestValidateListsSoMany(t *testing.T) {
	t.Parallel()
	d := described[[]int](t)
	if n := len(d.Validate([]byte("["+strings.Repeat("null,", 1000)+"null]"), false)); n != jsontype.MaxProblems {
		t.Errorf("%d problems are listed, want %d", n, jsontype.MaxProblems)
	}
}

func TestValidateTellsManyFieldsApart(t *testing.T) {
	t.Parallel()
	d := described[many](t)
	if got := list(d.Validate([]byte(`{"F00":1,"F63":1,"F64":1,"F65":1,"F69":1}`), true)); got != "" {
		t.Error(got)
	}
	if got, want := list(d.Validate([]byte(`{"F64":1,"F65":1,"F64":1}`), true)), "F64: is given twice (letter case does not tell members apart)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBlame(t *testing.T) {
	t.Parallel()
	d := described[everything](t)
	for text, want := range map[string]string{
		`{"t":"2026-01-01"}`:                "t: must be a time as RFC 3339 has it, such as 2026-01-02T15:04:05Z",
		`{"data":"a"}`:                      "data: must be bytes in base64, in a string",
		`{"addr":"300.1.1.1"}`:              "addr: must be an IP address inside a string",
		`{"cash":"x"}`:                      "cash: must be a string that jsontype_test.money reads",
		`{"lvl":{"level-1":1,"secret":2}}`:  "lvl.*: must be a string that jsontype_test.level reads",
		`{"i":7,"cash":"5","t":"x"}`:        "t: must be a time as RFC 3339 has it, such as 2026-01-02T15:04:05Z",
		`{"t":"2026-01-02T15:04:05+99:99"}`: "t: must be a time as RFC 3339 has it, such as 2026-01-02T15:04:05Z",
	} {
		if problems := d.Validate([]byte(text), true); len(problems) > 0 {
			t.Errorf("%s: %v", text, problems)
		}
		if d.Decode([]byte(text), new(everything)) == nil {
			t.Errorf("%s is read", text)
		}
		p := d.Blame([]byte(text))
		if p == nil || list([]jsontype.Problem{*p}) != want || p.Err == nil {
			t.Errorf("%s: %+v, want %s with its cause", text, p, want)
		}
	}
	p := described[struct{ Due slicer }](t).Blame([]byte(`{"Due":5}`))
	if p == nil || p.Place != "Due" || !strings.Contains(p.Err.Error(), "panic: ") {
		t.Errorf("a panic is blamed on %+v", p)
	}
	if p := described[struct{ Due slicer }](t).Blame([]byte(`{"Due":"x"}`)); p != nil {
		t.Errorf("what can be read is blamed on %+v", p)
	}
}
