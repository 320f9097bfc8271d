package jsontype

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/coretasks/core/internal/guard"
)

// Probe encodes and decodes the zero value of the type, and of each type in it that reads or writes itself. It
// returns which of them can't be read back. A zero value that its own code refuses to write says nothing. Probe also
// finds out which types write null for their zero value. Call it once, before several goroutines use the description.
func (d *Description) Probe(name string) []Problem {
	p := prober{seen: map[place]bool{}}
	p.visit(d.Type, name, true)
	if len(p.problems) == 0 {
		p.wayAndBack(d.Go, name, true)
	}
	return p.problems
}

type prober struct {
	seen     map[place]bool
	problems []Problem
}

// place is where a type stands: whether its values can be addressed makes another JSON of them.
type place struct {
	of          *Type
	addressable bool
}

// visit looks at a type; addressable tells whether encoding/json can take the address of its values when it writes
// them, without which it does not call methods of a pointer.
func (p *prober) visit(t *Type, name string, addressable bool) {
	at := place{t, addressable}
	if t == nil || p.seen[at] {
		return
	}
	p.seen[at] = true
	if t.Kind != Pointer && !trusted(t.Go) && (writesItself(t.Go) || readsItself(t.Go)) {
		if zero, ok := p.wayAndBack(t.Go, name, addressable); ok && writesItself(t.Go) {
			t.Null = bytes.Equal(zero, []byte("null"))
		}
		p.hidden(t.Go, name)
	}
	switch t.Kind {
	case Pointer, Slice, Bytes:
		p.visit(t.Elem, name+brackets(t.Kind), true)
	case Array:
		p.visit(t.Elem, name+"[]", addressable)
	case Map:
		p.visit(t.Elem, name+"[]", false)
		if t.Key.Kind == Text {
			p.keys(t, name)
		}
	case Struct:
		for _, f := range t.Fields {
			p.visit(f.Type, name+"."+f.Go.Name, addressable)
		}
	case Any, Bool, Int, Uint, Float, Number, String, Raw, Text, Own:
	}
}

func brackets(k Kind) string {
	if k == Pointer {
		return ""
	}
	return "[]"
}

// wayAndBack returns the zero value of a type as JSON, and false where its own code does not write it.
func (p *prober) wayAndBack(t reflect.Type, place string, addressable bool) (text []byte, ok bool) {
	zero := reflect.New(t)
	value := zero.Interface()
	if !addressable {
		value = zero.Elem().Interface()
	}
	text, ok = written(value)
	if !ok {
		return nil, false
	}
	if err := read(text, t); err != nil {
		p.problems = append(p.problems, Problem{Place: place, Err: err, Text: fmt.Sprintf(
			"can't be read back: the zero value of %s is written as %s, which it does not read (%v)", t, short(text), err)})
	}
	return text, true
}

// short keeps a message readable.
func short(text []byte) []byte {
	const limit = 100
	if len(text) > limit {
		return append(text[:limit:limit], "..."...)
	}
	return text
}

func written(value any) (text []byte, ok bool) {
	var err error
	panicked := guard.Isolated(func() { text, err = json.Marshal(value) })
	return text, panicked == nil && err == nil
}

func read(text []byte, t reflect.Type) error { return decodeIsolated(text, reflect.New(t).Interface()) }

// keys sends a map with one zero key on its way, since a zero map has none.
func (p *prober) keys(t *Type, place string) {
	m := reflect.MakeMap(t.Go)
	m.SetMapIndex(reflect.Zero(t.Key.Go), reflect.Zero(t.Elem.Go))
	text, ok := written(m.Interface())
	if !ok {
		return
	}
	if err := read(text, t.Go); err != nil {
		p.problems = append(p.problems, Problem{Place: place, Err: err, Text: fmt.Sprintf(
			"can't be read back: its keys, the zero value of %s for one, are written in a form that is not read (%v)",
			t.Key.Go, err)})
	}
}

// hidden refuses a struct whose other fields are lost, since it embeds a type with MarshalJSON or MarshalText: the
// method is promoted, and so the struct's own. Reflection can't tell that a method is promoted. But then the zero
// values of both types are written alike, and the other fields make no difference.
func (p *prober) hidden(t reflect.Type, place string) {
	if t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.Anonymous || !writesItself(field.Type) {
			continue
		}
		inner, ok := written(reflect.New(field.Type).Interface())
		outer, too := written(reflect.New(t).Interface())
		if !ok || !too || !bytes.Equal(inner, outer) {
			continue
		}
		other := reflect.New(t)
		lost := fill(other.Elem(), i)
		if with, ok := written(other.Interface()); lost != "" && ok && bytes.Equal(with, outer) {
			p.problems = append(p.problems, Problem{Place: place, Text: fmt.Sprintf(
				"loses its field %s: it embeds %s and so is written as that alone; give %[2]s a name", lost, field.Type)})
		}
		return
	}
}

// fill sets the fields of a struct, but one, to something else than their zero values, and names one that it has set.
func fill(v reflect.Value, except int) (name string) {
	for i := range v.NumField() {
		field, to := v.Type().Field(i), v.Field(i)
		if i == except || !field.IsExported() || field.Tag.Get("json") == "-" {
			continue
		}
		switch kind := to.Kind(); {
		case kind == reflect.Bool:
			to.SetBool(true)
		case to.CanInt():
			to.SetInt(1)
		case to.CanUint():
			to.SetUint(1)
		case to.CanFloat():
			to.SetFloat(1)
		case kind == reflect.String:
			to.SetString("x")
		case kind == reflect.Pointer:
			to.Set(reflect.New(to.Type().Elem()))
		case kind == reflect.Slice:
			to.Set(reflect.MakeSlice(to.Type(), 1, 1))
		case kind == reflect.Map:
			to.Set(reflect.MakeMap(to.Type()))
		case kind == reflect.Struct && fill(to, -1) != "":
		default:
			continue
		}
		name = field.Name
	}
	return name
}
