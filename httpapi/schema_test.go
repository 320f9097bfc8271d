package httpapi

import (
	"encoding/json"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

type base struct {
	ID   int `json:"id"`
	Name string
}

type other struct {
	base
	Name string `json:"name"`
	Left int    `json:"-"`
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	const int64s = `"minimum":-9223372036854775808,"maximum":9223372036854775807`
	for want, of := range map[string]reflect.Type{
		`{"type":"boolean"}`: reflect.TypeFor[bool](),
		`{"type":"string"}`:  reflect.TypeFor[string](),
		`{"type":"integer","format":"int64",` + int64s + `}`:                             reflect.TypeFor[int64](),
		`{"type":"integer","format":"int32","minimum":-2147483648,"maximum":2147483647}`: reflect.TypeFor[int32](),
		`{"type":"integer","minimum":-128,"maximum":127}`:                                reflect.TypeFor[int8](),
		`{"type":"integer","minimum":0,"maximum":65535}`:                                 reflect.TypeFor[uint16](),
		`{"type":"integer","minimum":0,"maximum":18446744073709551615}`:                  reflect.TypeFor[uint64](),
		`{"type":["integer","null"],"minimum":0,"maximum":255}`:                          reflect.TypeFor[*uint8](),
		`{"type":"number","format":"double"}`:                                            reflect.TypeFor[float64](),
		`{"type":"number"}`:                                                              reflect.TypeFor[json.Number](),
		`{"type":"string","format":"date-time"}`:                                         reflect.TypeFor[time.Time](),
		`{"type":"integer"}`:                                                             reflect.TypeFor[big.Int](),
		`{"type":"string","description":"as uuid.UUID reads it"}`:                        reflect.TypeFor[uuid.UUID](),
		`{"type":["array","null"],"items":{"type":"string"}}`:                            reflect.TypeFor[[]string](),
		`{"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":2}`:          reflect.TypeFor[[2]bool](),
		`{"type":["object","null"],"additionalProperties":{"type":"boolean"}}`:           reflect.TypeFor[map[string]bool](),
		`{"type":["object","null"],"propertyNames":{"pattern":"^-?(0|[1-9][0-9]*)$"},"additionalProperties":{"type":"boolean"}}`: reflect.TypeFor[map[int]bool](),
		`{"type":"object","additionalProperties":false}`:                                          reflect.TypeFor[struct{}](),
		`{"type":["string","null"],"pattern":"` + base64Pattern + `","contentEncoding":"base64"}`: reflect.TypeFor[[]byte](),
		`{}`: reflect.TypeFor[json.RawMessage](),
		`{"type":"object","properties":{"Name":{"type":"string"},"id":{"type":"integer","format":"int64",` + int64s + `},"name":{"type":"string"}},"additionalProperties":false}`: reflect.TypeFor[other](),
		`{"type":"object","properties":{"n":{"type":"string","pattern":"^-?(0|[1-9][0-9]{0,18})$"}},"additionalProperties":false}`: reflect.TypeFor[struct {
			N int `json:"n,string"`
		}](),
	} {
		got, err := marshal(newSchemas().of(of))
		if err != nil || string(got) != want {
			t.Errorf("%v: %v\n got %s\nwant %s", of, err, got, want)
		}
	}
}

func TestSchemaOfATypeThatContainsItself(t *testing.T) {
	t.Parallel()
	g := newSchemas()
	got, err := marshal(g.of(reflect.TypeFor[node]()))
	if want := `{"$ref":"#/components/schemas/Params_node"}`; err != nil || string(got) != want {
		t.Errorf("%v: %s", err, got)
	}
	got, err = marshal(g.components)
	want := `{"Params_node":{"type":"object","properties":{` +
		`"all":{"type":["array","null"],"items":{"anyOf":[{"$ref":"#/components/schemas/Params_node"},{"type":"null"}]}},` +
		`"name":{"type":"string"},` +
		`"next":{"anyOf":[{"$ref":"#/components/schemas/Params_node"},{"type":"null"}]}},"additionalProperties":false}}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

func TestDescription(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "secret"} {
		f := newFixture(t, func(c *Config) { c.Token = token })
		var d description
		if err := json.Unmarshal(f.openAPI, &d); err != nil {
			t.Fatal(err)
		}
		ids := map[string]bool{}
		for path, operations := range d.Paths {
			for method, operation := range operations {
				if ids[operation.OperationID] || operation.OperationID == "" {
					t.Errorf("%s %s: operation id %q", method, path, operation.OperationID)
				}
				ids[operation.OperationID] = true
				if _, ok := operation.Responses["401"]; ok != (token != "" && !strings.HasSuffix(path, "z")) {
					t.Errorf("%s %s: 401 documented: %v", method, path, ok)
				}
			}
		}
		for _, rt := range f.routes {
			for method := range rt.methods {
				if _, ok := d.Paths[rt.pattern][strings.ToLower(method)]; !ok {
					t.Errorf("%s %s is not described", method, rt.pattern)
				}
			}
		}
		text := string(f.openAPI)
		for _, want := range []string{`"report_type":{"type":"string","description":"monthly or yearly"}`, `"openapi":"3.1.0"`, `"/tasks/sessions.cleanup"`} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s", want)
			}
		}
		if strings.Contains(text, `"securitySchemes"`) != (token != "") {
			t.Error("security scheme")
		}
	}
}
