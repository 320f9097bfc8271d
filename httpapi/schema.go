package httpapi

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/coretasks/core/internal/jsontype"
	"github.com/coretasks/core/tasks"
)

// A schema is a JSON Schema (2020-12) of what encoding/json takes for a Go type. All members are optional there, and so
// here, except in answers.
type schema struct {
	Ref         string             `json:"$ref,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"` // what it is, and null
	Type        any                `json:"type,omitempty"`  // a string, or two where null is allowed
	Description string             `json:"description,omitempty"`
	Format      string             `json:"format,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Encoding    string             `json:"contentEncoding,omitempty"`
	Enum        []any              `json:"enum,omitempty"`
	Minimum     json.Number        `json:"minimum,omitempty"`
	Maximum     json.Number        `json:"maximum,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	MinItems    *int               `json:"minItems,omitempty"`
	MaxItems    *int               `json:"maxItems,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Names       *schema            `json:"propertyNames,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"` // false or a *schema
}

// schemas makes schemas of Go types. Types that contain themselves become components that others refer to.
type schemas struct {
	components map[string]*schema
	names      map[*jsontype.Type]string
	open       map[*jsontype.Type]bool
	required   bool // members without omitempty are always there: in answers
}

func newSchemas() *schemas {
	return &schemas{components: map[string]*schema{}, names: map[*jsontype.Type]string{}, open: map[*jsontype.Type]bool{}}
}

const componentPath = "#/components/schemas/"

const base64Pattern = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"

// known are types of the standard library that have a JSON form of their own, and those of this module with few values.
var known = map[reflect.Type]schema{
	reflect.TypeFor[time.Time]():     {Type: "string", Format: "date-time"},
	reflect.TypeFor[time.Duration](): {Type: "integer", Format: "int64", Minimum: minInt64, Maximum: maxInt64, Description: "nanoseconds"},
	reflect.TypeFor[big.Int]():       {Type: "integer"},
	reflect.TypeFor[tasks.State]():   {Type: "string", Enum: []any{tasks.Queued, tasks.Running, tasks.Retrying, tasks.Succeeded, tasks.StateDead, tasks.Cancelled}},
}

const (
	minInt64  json.Number = "-9223372036854775808"
	maxInt64  json.Number = "9223372036854775807"
	maxUint64 json.Number = "18446744073709551615"
)

// of returns the schema of a type.
func (g *schemas) of(t reflect.Type) *schema {
	d := jsontype.Of(t, "")
	d.Probe("") // what is wrong with it, the registry has said
	return g.schema(d.Type)
}

func (g *schemas) schema(t *jsontype.Type) *schema {
	if s, ok := known[t.Go]; ok {
		return &s
	}
	s := g.kind(t)
	if t.Null && t.Kind != jsontype.Any && t.Kind != jsontype.Raw {
		return nullable(s)
	}
	return s
}

func (g *schemas) kind(t *jsontype.Type) *schema {
	switch t.Kind {
	case jsontype.Pointer:
		return g.schema(t.Elem)
	case jsontype.Own:
		return &schema{Description: "as " + t.Go.String() + " reads it"}
	case jsontype.Text:
		return &schema{Type: "string", Description: "as " + t.Go.String() + " reads it"}
	case jsontype.Bool:
		return &schema{Type: "boolean"}
	case jsontype.String:
		return &schema{Type: "string"}
	case jsontype.Number:
		return &schema{Type: "number"}
	case jsontype.Float:
		if t.Bits == 32 {
			return &schema{Type: "number", Format: "float", Minimum: number(-math.MaxFloat32), Maximum: number(math.MaxFloat32)}
		}
		return &schema{Type: "number", Format: "double"}
	case jsontype.Bytes:
		return &schema{Type: "string", Encoding: "base64", Pattern: base64Pattern}
	case jsontype.Slice:
		return &schema{Type: "array", Items: g.schema(t.Elem)}
	case jsontype.Array:
		return &schema{Type: "array", Items: g.schema(t.Elem), MinItems: &t.Len, MaxItems: &t.Len}
	case jsontype.Map:
		return &schema{Type: "object", Additional: g.schema(t.Elem), Names: keys(t.Key)}
	case jsontype.Struct:
		return g.object(t)
	case jsontype.Int, jsontype.Uint:
		return integer(t)
	case jsontype.Any, jsontype.Raw:
	}
	return &schema{}
}

func number(f float64) json.Number { return json.Number(strconv.FormatFloat(f, 'g', -1, 64)) }

func nullable(s *schema) *schema {
	if s.Ref != "" {
		return &schema{AnyOf: []*schema{s, {Type: "null"}}}
	}
	if kind, ok := s.Type.(string); ok {
		s.Type = []string{kind, "null"}
		if s.Enum != nil {
			s.Enum = append(s.Enum[:len(s.Enum):len(s.Enum)], nil)
		}
	}
	return s
}

func integer(t *jsontype.Type) *schema {
	s := &schema{Type: "integer", Minimum: minInt64, Maximum: maxInt64}
	unsigned := t.Kind == jsontype.Uint
	switch {
	case unsigned && t.Bits == 64:
		s.Minimum, s.Maximum = "0", maxUint64
	case unsigned:
		s.Minimum, s.Maximum = "0", json.Number(strconv.FormatInt(1<<t.Bits-1, 10))
	case t.Bits < 64:
		s.Minimum, s.Maximum = json.Number(strconv.FormatInt(-1<<(t.Bits-1), 10)), json.Number(strconv.FormatInt(1<<(t.Bits-1)-1, 10))
	}
	if t.Bits >= 32 && !unsigned {
		s.Format = fmt.Sprintf("int%d", t.Bits)
	}
	return s
}

// keys is the schema of a map's keys, or nil where every string is one, or their own type decides.
func keys(t *jsontype.Type) *schema {
	if t.Kind == jsontype.String || t.Kind == jsontype.Text {
		return nil
	}
	return &schema{Pattern: "^-?(0|[1-9][0-9]*)$"}
}

// object is the schema of a struct. One that is being described already contains itself.
func (g *schemas) object(t *jsontype.Type) *schema {
	if g.open[t] {
		if g.names[t] == "" {
			g.names[t] = g.unused("Params_" + t.Go.Name())
		}
		return &schema{Ref: componentPath + g.names[t]}
	}
	g.open[t] = true
	s := &schema{Type: "object", Properties: map[string]*schema{}, Additional: false}
	for _, f := range t.Fields {
		of := g.schema(f.Type)
		if f.Quoted {
			of = quoted(f.Type, of)
		}
		if text := f.Go.Tag.Get("jsonschema"); text != "" {
			of.Description = text
		}
		s.Properties[f.Name] = of
		if g.required && !f.Optional {
			s.Required = append(s.Required, f.Name)
		}
	}
	delete(g.open, t)
	if name := g.names[t]; name != "" {
		g.components[name] = s
		return &schema{Ref: componentPath + name}
	}
	return s
}

func (g *schemas) unused(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
	for _, taken := range g.names {
		if taken == name {
			return g.unused(name + "_")
		}
	}
	return name
}

// quoted is what the json tag's option "string" makes of a type.
func quoted(t *jsontype.Type, of *schema) *schema {
	null := t.Null
	for t.Kind == jsontype.Pointer {
		t = t.Elem
	}
	var s *schema
	switch t.Kind {
	case jsontype.Bool:
		s = &schema{Type: "string", Enum: []any{"true", "false"}}
	case jsontype.Int, jsontype.Uint:
		s = &schema{Type: "string", Pattern: "^-?(0|[1-9][0-9]{0,18})$"}
	case jsontype.Float:
		s = &schema{Type: "string", Pattern: `^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`}
	default:
		return of
	}
	if null {
		return nullable(s)
	}
	return s
}
