package jsontype

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/coretasks/core/internal/guard"
)

// A TextError says which string of a value is not UTF-8. encoding/json would replace what is wrong with it.
type TextError struct{ Place string }

// NotUTF8 says what is wrong with it.
const NotUTF8 = "is not valid UTF-8; give bytes that are no text as []byte"

func (e *TextError) Error() string {
	if e.Place == "" {
		return "a text " + NotUTF8
	}
	return "field " + strconv.Quote(e.Place) + " " + NotUTF8
}

// checkText looks for text that was not UTF-8 when it was written. encoding/json has put U+FFFD in its place, so that
// only a text which has one needs a closer look.
func checkText(text []byte, pointer any) error {
	valid := utf8.Valid(text) // what a type writes itself is passed on as it is
	if valid && !bytes.Contains(text, []byte(`\ufffd`)) && !bytes.Contains(text, []byte("\uFFFD")) {
		return nil
	}
	s := search{}
	if panicked := guard.Isolated(func() { s.value(reflect.ValueOf(pointer)) }); panicked != nil {
		return panicked
	}
	if valid && !s.found {
		return nil // somebody meant U+FFFD
	}
	return &TextError{Place: strings.Join(s.path, ".")}
}

// search looks for the first text in a value that is not UTF-8.
type search struct {
	path  []string
	found bool
}

// in looks at a part of the value; its name stays in the path if the text is there.
func (s *search) in(name string, v reflect.Value) {
	if s.found {
		return
	}
	s.path = append(s.path, name)
	if s.value(v); !s.found {
		s.path = s.path[:len(s.path)-1]
	}
}

func (s *search) text(text []byte) { s.found = s.found || !utf8.Valid(text) }

func (s *search) value(v reflect.Value) {
	if s.found || !v.IsValid() || s.itself(v) {
		return
	}
	switch v.Kind() {
	case reflect.String:
		s.text([]byte(v.String()))
	case reflect.Pointer, reflect.Interface:
		s.value(v.Elem())
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len() && (!isPlain(v.Type().Elem()) || v.Type().Elem().Kind() == reflect.String); i++ {
			s.in(strconv.Itoa(i), v.Index(i))
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			s.in("*", entries.Key())
			s.in("*", entries.Value())
		}
	case reflect.Struct:
		s.fields(v)
	}
}

func (s *search) fields(v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		tag := field.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-":
		case field.Anonymous && name == "":
			s.value(v.Field(i))
		case !field.IsExported():
		case name == "":
			s.in(field.Name, v.Field(i))
		default:
			s.in(name, v.Field(i))
		}
	}
}

// itself reports whether a value writes itself, and looks at what it writes.
func (s *search) itself(v reflect.Value) bool {
	if v.CanAddr() && v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface {
		v = v.Addr()
	}
	if !v.CanInterface() || v.Kind() == reflect.Pointer && v.IsNil() {
		return false
	}
	switch own := v.Interface().(type) {
	case json.Marshaler:
		text, err := own.MarshalJSON()
		s.found = s.found || err == nil && !utf8.Valid(text)
	case encoding.TextMarshaler:
		text, err := own.MarshalText()
		s.found = s.found || err == nil && !utf8.Valid(text)
	default:
		return false
	}
	return true
}
