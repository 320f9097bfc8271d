// Package jsontype knows what JSON a Go type is written as and read from by encoding/json, and is stricter where that
// would lose data without a word: a type that can't be read back is refused before it is used, and so is a value that
// encoding/json would read as something else than was given.
package jsontype

import (
	"encoding"
	"encoding/json"
	"reflect"
)

// A Kind is the form of JSON that a type accepts.
type Kind int

// The kinds.
const (
	Any     Kind = iota // interface{}: every value
	Bool                // true or false
	Int                 // a whole number of Bits bits
	Uint                // a whole number of Bits bits, not negative
	Float               // a number of Bits bits
	Number              // json.Number: a number as it is written
	String              // a string
	Bytes               // []byte: a string in base64, or an array of numbers
	Array               // an array of exactly Len elements
	Slice               // an array
	Map                 // an object with any members
	Struct              // an object with the members that Fields has
	Pointer             // what Elem takes, or null
	Raw                 // json.RawMessage: every value, kept as it is
	Text                // a string that the type reads itself (encoding.TextUnmarshaler)
	Own                 // whatever the type reads itself (json.Unmarshaler)
)

// A Type is what is known of a Go type. Types may contain themselves.
type Type struct {
	Kind Kind
	Go   reflect.Type
	// Elem is the type of a pointer's, a slice's, an array's or a map's element.
	Elem *Type
	// Key is the type of a map's keys: String, Int, Uint or Text.
	Key *Type
	// Len is the length of an array.
	Len int
	// Bits is the size of a number.
	Bits int
	// Null means that null is one of its values: encoding/json writes it for some value of the type.
	Null bool

	fields
}

// A Description is what is known of a type and of all that it is made of.
type Description struct {
	*Type
	// Problems say why values can't be written, or can't be read back.
	Problems []Problem
	// Reads and Writes mean that code which is not the standard library's runs when a value is read, or written.
	Reads, Writes bool
	// Deep means that values can be nested without limit.
	Deep bool
}

var (
	rawMessage      = reflect.TypeFor[json.RawMessage]()
	jsonNumber      = reflect.TypeFor[json.Number]()
	marshaler       = reflect.TypeFor[json.Marshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// implements reports whether values of t, which can be addressed, implement an interface.
func implements(t, iface reflect.Type) bool {
	return t.Implements(iface) || t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(iface)
}

// writesItself reports whether encoding/json leaves the writing of such values to themselves.
func writesItself(t reflect.Type) bool {
	return implements(t, marshaler) || implements(t, textMarshaler)
}

// readsItself reports whether encoding/json leaves the reading of such values to themselves.
func readsItself(t reflect.Type) bool {
	return implements(t, unmarshaler) || implements(t, textUnmarshaler)
}

// Of describes a type; place is what problems call it. It runs no code of the type: [Description.Probe] does.
func Of(t reflect.Type, place string) *Description {
	b := &builder{types: map[reflect.Type]*Type{}, open: map[reflect.Type]bool{}}
	b.of.Type = b.describe(t, place)
	return &b.of
}

// A Problem says what is wrong with a type or a value, and where.
type Problem struct {
	// Place is the path inside a type ("Params.Items[].Price"), or inside a value ("items.3.price").
	Place string
	Text  string
	// Err is what a type's own code answered, where that was the trouble.
	Err error
	// Unknown means that a struct has no such member, but those of Known.
	Unknown bool
	Known   []string
}

// builder describes one type and those that it is made of.
type builder struct {
	of    Description
	types map[reflect.Type]*Type
	open  map[reflect.Type]bool // being described
	// writing leaves out how values are read: whatever holds them reads itself.
	writing bool
}

func (b *builder) refuse(place, text string) {
	b.of.Problems = append(b.of.Problems, Problem{Place: place, Text: text})
}

func (b *builder) describe(t reflect.Type, place string) *Type {
	if known, ok := b.types[t]; ok {
		b.of.Deep = b.of.Deep || b.open[t]
		return known
	}
	of := &Type{Go: t}
	b.types[t], b.open[t] = of, true
	defer delete(b.open, t)
	if t.Kind() != reflect.Pointer && !trusted(t) {
		b.of.Reads = b.of.Reads || readsItself(t)
		b.of.Writes = b.of.Writes || writesItself(t)
	}
	switch {
	case t == rawMessage:
		of.Kind, of.Null = Raw, true
	case t == jsonNumber:
		of.Kind = Number
	case t.Kind() == reflect.Pointer:
		of.Kind, of.Null, of.Elem = Pointer, true, b.describe(t.Elem(), place)
	case t.Kind() == reflect.Interface:
		b.anything(of, place)
	case implements(t, unmarshaler) && !b.writing:
		of.Kind, of.Null = Own, b.nullIfPlain(of, place)
	case implements(t, textUnmarshaler) && !b.writing:
		of.Kind, of.Null = Text, b.nullIfPlain(of, place)
	default:
		b.plain(of, place)
	}
	return of
}

// nullIfPlain looks at how a type that reads itself is written, and reports whether that can be null. Types that write
// themselves have to be asked: see [Description.Probe].
func (b *builder) nullIfPlain(of *Type, place string) bool {
	if writesItself(of.Go) || b.writing {
		return false
	}
	w := &builder{types: map[reflect.Type]*Type{}, open: map[reflect.Type]bool{}, writing: true}
	plain := w.describe(of.Go, place)
	b.of.Problems = append(b.of.Problems, w.of.Problems...)
	b.of.Writes = b.of.Writes || w.of.Writes
	b.of.Deep = b.of.Deep || w.of.Deep
	return plain.Null
}

func (b *builder) anything(of *Type, place string) {
	of.Kind, of.Null = Any, true
	b.of.Writes, b.of.Deep = true, true // what it holds can be of any type
	if of.Go.NumMethod() > 0 && !b.writing {
		b.refuse(place, "is an interface with methods, "+of.Go.String()+
			", which can't be read back from JSON; use a type that says which one it is")
	}
}

// plain describes a type that encoding/json reads by its kind.
func (b *builder) plain(of *Type, place string) {
	t := of.Go
	switch t.Kind() {
	case reflect.Bool:
		of.Kind = Bool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		of.Kind, of.Bits = Int, t.Bits()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		of.Kind, of.Bits = Uint, t.Bits()
	case reflect.Float32, reflect.Float64:
		of.Kind, of.Bits = Float, t.Bits()
	case reflect.String:
		of.Kind = String
	case reflect.Array:
		of.Kind, of.Len, of.Elem = Array, t.Len(), b.describe(t.Elem(), place+"[]")
	case reflect.Slice:
		of.Kind, of.Null, of.Elem = Slice, true, b.describe(t.Elem(), place+"[]")
		if t.Elem().Kind() == reflect.Uint8 && !writesItself(t.Elem()) {
			of.Kind = Bytes
		}
	case reflect.Map:
		of.Kind, of.Null, of.Key = Map, true, b.key(t.Key(), place)
		of.Elem = b.describe(t.Elem(), place+"[]")
	case reflect.Struct:
		of.Kind = Struct
		b.members(of, place)
	default:
		b.refuse(place, "is a "+t.String()+", which can't be JSON; pass an ID or plain data instead")
	}
}

// key describes the type of a map's keys, which are strings in JSON.
func (b *builder) key(t reflect.Type, place string) *Type {
	key := &Type{Go: t}
	writes := t.Kind() == reflect.String || t.Implements(textMarshaler)
	b.of.Writes = b.of.Writes || t.Implements(textMarshaler) && !trusted(t)
	switch kind := t.Kind(); {
	case implements(t, textUnmarshaler):
		key.Kind = Text
		b.of.Reads = b.of.Reads || !trusted(t)
	case kind == reflect.String:
		key.Kind = String
	case kind >= reflect.Int && kind <= reflect.Int64:
		key.Kind, key.Bits, writes = Int, t.Bits(), true
	case kind >= reflect.Uint && kind <= reflect.Uintptr:
		key.Kind, key.Bits, writes = Uint, t.Bits(), true
	default:
		writes = false
	}
	if !writes {
		b.refuse(place, "has keys of type "+t.String()+
			"; JSON objects need strings, integers or a type with MarshalText and UnmarshalText")
	}
	return key
}
