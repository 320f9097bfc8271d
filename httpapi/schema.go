package httpapi

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"

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
	MaxItems    *int               `json:"maxItems,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Names       *schema            `json:"propertyNames,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"` // false or a *schema
}

// schemas makes schemas of Go types. Types that contain themselves become components that others refer to.
type schemas struct {
	components map[string]*schema
	names      map[reflect.Type]string
	open       map[reflect.Type]bool
	required   bool // members without omitempty are always there: in answers
}

func newSchemas() *schemas {
	return &schemas{components: map[string]*schema{}, names: map[reflect.Type]string{}, open: map[reflect.Type]bool{}}
}

const componentPath = "#/components/schemas/"

const base64Pattern = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"

// known are types of the standard library that have a JSON form of their own, and those of this module with few values.
var known = map[reflect.Type]schema{
	reflect.TypeFor[time.Time]():       {Type: "string", Format: "date-time"},
	reflect.TypeFor[time.Duration]():   {Type: "integer", Format: "int64", Minimum: minInt64, Maximum: maxInt64, Description: "nanoseconds"},
	reflect.TypeFor[json.RawMessage](): {},
	reflect.TypeFor[json.Number]():     {Type: "number"},
	reflect.TypeFor[big.Int]():         {Type: "integer"},
	reflect.TypeFor[tasks.State]():     {Type: "string", Enum: []any{tasks.Queued, tasks.Running, tasks.Retrying, tasks.Succeeded, tasks.StateDead, tasks.Cancelled}},
}

const (
	minInt64  json.Number = "-9223372036854775808"
	maxInt64  json.Number = "9223372036854775807"
	maxUint64 json.Number = "18446744073709551615"
)

// of returns the schema of a type.
func (g *schemas) of(t reflect.Type) *schema {
	if s, ok := known[t]; ok {
		return &s
	}
	if t.Kind() == reflect.Pointer {
		return nullable(g.of(t.Elem()))
	}
	switch {
	case implements[json.Unmarshaler](t):
		return &schema{Description: "as " + t.String() + " reads it"}
	case implements[encoding.TextUnmarshaler](t):
		return &schema{Type: "string", Description: "as " + t.String() + " reads it"}
	}
	switch t.Kind() {
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.String:
		return &schema{Type: "string"}
	case reflect.Float32:
		return &schema{Type: "number", Format: "float", Minimum: number(-math.MaxFloat32), Maximum: number(math.MaxFloat32)}
	case reflect.Float64:
		return &schema{Type: "number", Format: "double"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 && !implements[json.Unmarshaler](t.Elem()) && !implements[encoding.TextUnmarshaler](t.Elem()) {
			return nullable(&schema{Type: "string", Encoding: "base64", Pattern: base64Pattern})
		}
		return nullable(&schema{Type: "array", Items: g.of(t.Elem())})
	case reflect.Array:
		return &schema{Type: "array", Items: g.of(t.Elem())}
	case reflect.Map:
		return nullable(&schema{Type: "object", Additional: g.of(t.Elem()), Names: keys(t.Key())})
	case reflect.Struct:
		return g.object(t)
	case reflect.Interface:
		return &schema{}
	default:
		return integer(t)
	}
}

func implements[I any](t reflect.Type) bool {
	i := reflect.TypeFor[I]()
	return t.Implements(i) || reflect.PointerTo(t).Implements(i)
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

func integer(t reflect.Type) *schema {
	if !t.ConvertibleTo(reflect.TypeFor[int64]()) {
		return &schema{}
	}
	s := &schema{Type: "integer", Minimum: minInt64, Maximum: maxInt64}
	unsigned := t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uintptr
	switch {
	case unsigned && t.Bits() == 64:
		s.Minimum, s.Maximum = "0", maxUint64
	case unsigned:
		s.Minimum, s.Maximum = "0", json.Number(strconv.FormatInt(1<<t.Bits()-1, 10))
	case t.Bits() < 64:
		s.Minimum, s.Maximum = json.Number(strconv.FormatInt(-1<<(t.Bits()-1), 10)), json.Number(strconv.FormatInt(1<<(t.Bits()-1)-1, 10))
	}
	if t.Bits() >= 32 && !unsigned {
		s.Format = fmt.Sprintf("int%d", t.Bits())
	}
	return s
}

// keys is the schema of a map's keys, or nil where every string is one.
func keys(t reflect.Type) *schema {
	if t.Kind() == reflect.String || implements[encoding.TextUnmarshaler](t) {
		return nil
	}
	return &schema{Pattern: "^-?(0|[1-9][0-9]*)$"}
}

// object is the schema of a struct. One that is being described already contains itself.
func (g *schemas) object(t reflect.Type) *schema {
	if g.open[t] {
		if g.names[t] == "" {
			g.names[t] = g.unused("Params_" + t.Name())
		}
		return &schema{Ref: componentPath + g.names[t]}
	}
	g.open[t] = true
	s := &schema{Type: "object", Properties: map[string]*schema{}, Additional: false}
	g.members(s, t, map[reflect.Type]bool{})
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

// members adds a struct's fields, and those of the structs it embeds unless an outer one has the name.
func (g *schemas) members(s *schema, t reflect.Type, seen map[reflect.Type]bool) {
	seen[t] = true
	var embedded []reflect.Type
	for field := range t.Fields() {
		tag := field.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		inner := field.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case tag == "-":
			continue
		case field.Anonymous && name == "" && inner.Kind() == reflect.Struct && known[inner].Type == nil:
			if !seen[inner] {
				embedded = append(embedded, inner)
			}
			continue
		case !field.IsExported():
			continue
		case name == "":
			name = field.Name
		}
		if s.Properties[name] != nil {
			continue
		}
		of := g.of(field.Type)
		if hasOption(options, "string") {
			of = quoted(inner, of)
		}
		if text := field.Tag.Get("jsonschema"); text != "" {
			of.Description = text
		}
		s.Properties[name] = of
		if g.required && !hasOption(options, "omitempty") && !hasOption(options, "omitzero") {
			s.Required = append(s.Required, name)
		}
	}
	for _, inner := range embedded {
		g.members(s, inner, seen)
	}
}

func hasOption(options, want string) bool {
	for option := range strings.SplitSeq(options, ",") {
		if option == want {
			return true
		}
	}
	return false
}

// quoted is what the json tag's option "string" makes of a type.
func quoted(t reflect.Type, of *schema) *schema {
	switch kind := t.Kind(); {
	case kind == reflect.Bool:
		return &schema{Type: "string", Enum: []any{"true", "false"}}
	case kind >= reflect.Int && kind <= reflect.Uintptr:
		return &schema{Type: "string", Pattern: "^-?(0|[1-9][0-9]{0,18})$"}
	case kind == reflect.Float32, kind == reflect.Float64:
		return &schema{Type: "string", Pattern: `^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`}
	default:
		return of
	}
}
