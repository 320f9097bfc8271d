package tasks

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// checkJSON reports why values of t can't be written as JSON, or "" where they can. The path names the place inside the
// type, for the message.
func checkJSON(t reflect.Type, path string, seen map[reflect.Type]bool) string {
	if seen[t] {
		return ""
	}
	seen[t] = true
	if implements(t, jsonMarshaler) || implements(t, textMarshaler) {
		return ""
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return fmt.Sprintf("%s is a %s, which can't be JSON; pass an ID or plain data instead", path, t)
	case reflect.Pointer:
		return checkJSON(t.Elem(), path, seen)
	case reflect.Slice, reflect.Array:
		return checkJSON(t.Elem(), path+"[]", seen)
	case reflect.Map:
		if !mapKeyIsJSON(t.Key()) {
			return fmt.Sprintf("%s has keys of type %s; JSON objects need strings, integers or an encoding.TextMarshaler", path, t.Key())
		}
		return checkJSON(t.Elem(), path+"[]", seen)
	case reflect.Struct:
		return checkStruct(t, path, seen)
	default:
		return ""
	}
}

func checkStruct(t reflect.Type, path string, seen map[reflect.Type]bool) string {
	for field := range t.Fields() {
		// encoding/json leaves out unexported fields, except what an embedded struct promotes.
		if !field.IsExported() && !field.Anonymous {
			continue
		}
		if field.Tag.Get("json") == "-" {
			continue
		}
		if problem := checkJSON(field.Type, path+"."+field.Name, seen); problem != "" {
			return problem
		}
	}
	return ""
}

func mapKeyIsJSON(key reflect.Type) bool {
	switch key.Kind() {
	case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	default:
		return implements(key, textMarshaler)
	}
}

func implements(t, iface reflect.Type) bool {
	return t.Implements(iface) || reflect.PointerTo(t).Implements(iface)
}

// jsonKind names what a Go type is in JSON, for messages to people who see only the JSON.
func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return "a whole number of 0 or more"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return jsonKind(t.Elem())
	default:
		return "a " + t.String()
	}
}

// fieldNames lists the JSON names of a struct's fields, for messages that say which ones there are.
func fieldNames(t reflect.Type) []string { return appendFieldNames(nil, t, map[reflect.Type]bool{}) }

func appendFieldNames(names []string, t reflect.Type, seen map[reflect.Type]bool) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return names
	}
	seen[t] = true
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case field.Anonymous && name == "":
			names = appendFieldNames(names, field.Type, seen)
		case !field.IsExported():
		case name == "":
			names = append(names, field.Name)
		default:
			names = append(names, name)
		}
	}
	return names
}

// SampleParams returns a task's parameters as JSON with every field at its zero value, for people to fill in.
func SampleParams(t AnyTask) ([]byte, error) {
	return marshal(reflect.Zero(t.Info().Params).Interface())
}
