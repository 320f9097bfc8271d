package jsontype

import (
	"math"
	"reflect"
	"strconv"
)

// known says what the standard library's types take, for people who see only the JSON. Their own code is trusted not
// to panic, whatever it is given. They are named, since to refer to them would link all of their code into every
// program.
var known = map[string]string{
	"encoding/json.RawMessage": "JSON",
	"time.Time":                "a time as RFC 3339 has it, such as 2026-01-02T15:04:05Z",
	"time.Duration":            "a whole number of nanoseconds",
	"math/big.Int":             "a whole number",
	"math/big.Float":           "a number inside a string",
	"math/big.Rat":             "a fraction inside a string",
	"net.IP":                   "an IP address inside a string",
	"net/netip.Addr":           "an IP address inside a string",
	"net/netip.AddrPort":       "an IP address and a port inside a string",
	"net/netip.Prefix":         "a network such as 10.0.0.0/8 inside a string",
}

// wordsOf returns what is known of a type of the standard library.
func wordsOf(t reflect.Type) (words string, ok bool) {
	if t == nil || t.PkgPath() == "" {
		return "", false
	}
	words, ok = known[t.PkgPath()+"."+t.Name()]
	return words, ok
}

// trusted reports whether no code but the standard library's runs when a type that reads or writes itself does.
func trusted(t reflect.Type) bool {
	_, ok := wordsOf(t)
	return ok
}

// words says what JSON a type takes.
func (t *Type) words() string {
	if text, ok := wordsOf(t.Go); ok {
		return text
	}
	switch t.Kind {
	case Bool:
		return "true or false"
	case Int:
		return "a whole number"
	case Uint:
		return "a whole number of 0 or more"
	case Float:
		return "a number"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Bytes:
		return "bytes in base64, in a string"
	case Array, Slice:
		return "an array"
	case Map, Struct:
		return "an object"
	case Pointer:
		return t.Elem.words()
	case Text:
		return "a string that " + t.Go.String() + " reads"
	case Own:
		return "what " + t.Go.String() + " reads"
	case Any, Raw:
	}
	return "JSON"
}

// within says what numbers a type takes.
func (t *Type) within() string {
	least := "0"
	var most string
	switch t.Kind {
	case Uint:
		most = strconv.FormatUint(1<<t.Bits-1, 10)
	case Int:
		least, most = strconv.FormatInt(-1<<(t.Bits-1), 10), strconv.FormatInt(1<<(t.Bits-1)-1, 10)
	default:
		largest := math.MaxFloat64
		if t.Bits == 32 {
			largest = math.MaxFloat32
		}
		most = strconv.FormatFloat(largest, 'g', 6, 64)
		least = "-" + most
	}
	what := "a whole number"
	if text, ok := wordsOf(t.Go); ok {
		what = text
	} else if t.Kind == Float {
		what = "a number"
	}
	return what + " from " + least + " to " + most
}
