package jsontype

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// MaxProblems bounds how many problems of one value are listed.
const MaxProblems = 20

// Validate returns why encoding/json would not read a value into the type, or would read it as something else than was
// given. text must be valid JSON in UTF-8. With strict, members that a struct does not have are problems too; otherwise
// they are left alone, whatever is in them. What a type reads itself is left to that: see [Description.Blame].
//
// Beyond what encoding/json refuses, it refuses null where no value is written as null, arrays of another length,
// members that are given twice, and strings with half of a surrogate pair.
func (d *Description) Validate(text []byte, strict bool) []Problem {
	// Almost every value is right. Paths are tracked in a second pass, when the first has found a problem.
	first := validator{text: text, strict: strict, blind: true}
	first.value(d.Type)
	if !first.failed {
		return nil
	}
	v := validator{text: text, strict: strict}
	v.value(d.Type)
	return v.problems
}

// Blame returns the value inside text that its type's own code does not read, or nil. It is for text that passed
// Validate and was refused all the same; panics of the types' code are errors.
func (d *Description) Blame(text []byte) *Problem {
	v := validator{text: text}
	v.own = func(t *Type, raw []byte) {
		if len(v.problems) == 0 {
			if err := read(raw, t.Go); err != nil {
				v.refuse("must be "+t.words(), err)
			}
		}
	}
	v.value(d.Type)
	if len(v.problems) == 0 {
		return nil
	}
	return &v.problems[0]
}

// validator reads one value. It relies on its being valid JSON.
type validator struct {
	text     []byte
	at       int
	strict   bool
	own      func(t *Type, raw []byte) // called with values that types read themselves
	path     []step
	problems []Problem
	blind    bool // path and problems are not kept, only whether there is a problem
	failed   bool
}

// step is one step of a path: the member of an object, or the element of an array where name is empty.
type step struct {
	name  string
	index int
}

// member is the step to a member that is part of the value, as a map's keys are. Whoever typed it may see it; otherwise
// no message shows it.
func (v *validator) member(name []byte) step {
	if v.strict && !v.blind {
		return step{name: clean(name)}
	}
	return step{name: "*"}
}

func (v *validator) refuse(text string, err error) {
	v.add(Problem{Text: text, Err: err})
}

func (v *validator) add(p Problem) {
	v.failed = true
	if !v.blind && len(v.problems) < MaxProblems {
		p.Place = v.place()
		v.problems = append(v.problems, p)
	}
}

func (v *validator) place() string {
	steps := make([]string, len(v.path))
	for i, s := range v.path {
		steps[i] = s.name
		if s.name == "" {
			steps[i] = strconv.Itoa(s.index)
		}
	}
	return strings.Join(steps, ".")
}

func (v *validator) enter(s step) {
	if !v.blind {
		v.path = append(v.path, s)
	}
}

func (v *validator) leave() {
	if !v.blind {
		v.path = v.path[:len(v.path)-1]
	}
}

func (v *validator) space() {
	for v.at < len(v.text) {
		switch v.text[v.at] {
		case ' ', '\t', '\n', '\r':
			v.at++
		default:
			return
		}
	}
}

// value reads the next value as one of a type.
func (v *validator) value(t *Type) {
	v.space()
	first := v.text[v.at]
	if first == 'n' {
		v.at += len("null")
		if !t.Null {
			v.mismatch(t, "null")
		}
		return
	}
	switch t.Kind {
	case Pointer:
		v.value(t.Elem)
	case Any:
		v.anything()
	case Raw:
		v.skip()
	case Own:
		v.itself(t)
	case Text:
		if v.is(t, first, '"') {
			v.itself(t)
		}
	case Bool:
		if first != 't' && first != 'f' {
			v.mismatch(t, kindOf(first))
		}
		v.skip()
	case Int, Uint, Float:
		if !isNumber(first) {
			v.mismatch(t, kindOf(first))
			v.skip()
			return
		}
		v.number(t, v.literal())
	case Number:
		v.anyNumber(t, first)
	case String:
		if v.is(t, first, '"') {
			v.str()
		}
	case Bytes:
		if first == '[' {
			v.array(t)
		} else if v.is(t, first, '"') {
			v.itself(t)
		}
	case Array, Slice:
		if v.is(t, first, '[') {
			v.array(t)
		}
	case Map:
		if v.is(t, first, '{') {
			v.object(t)
		}
	case Struct:
		if v.is(t, first, '{') {
			v.members(t)
		}
	}
}

// is reports whether a value begins as it must. Otherwise it refuses and skips it.
func (v *validator) is(t *Type, first, want byte) bool {
	if first == want {
		return true
	}
	v.mismatch(t, kindOf(first))
	v.skip()
	return false
}

func (v *validator) mismatch(t *Type, got string) {
	v.refuse("must be "+t.words()+", not a JSON "+got, nil)
}

// itself leaves a value to the type's own code.
func (v *validator) itself(t *Type) {
	begin := v.at
	v.skip()
	if v.own != nil {
		v.own(t, v.text[begin:v.at])
	}
}

func isNumber(first byte) bool { return first == '-' || first >= '0' && first <= '9' }

func kindOf(first byte) string {
	switch first {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	default:
		return "number"
	}
}

// number checks what is written as a number.
func (v *validator) number(t *Type, literal []byte) {
	if small(t, literal) {
		return
	}
	var err error
	text := string(literal)
	switch t.Kind {
	case Int:
		_, err = strconv.ParseInt(text, 10, t.Bits)
	case Uint:
		_, err = strconv.ParseUint(text, 10, t.Bits)
	default:
		_, err = strconv.ParseFloat(text, t.Bits)
	}
	switch {
	case err == nil:
	case t.Kind != Float && strings.ContainsAny(text, ".eE"):
		v.refuse("must be "+t.words()+", without point and exponent", nil)
	default:
		v.refuse("is out of range: it must be "+t.within(), nil)
	}
}

// small reports whether a number is so short that it is in range for certain.
func small(t *Type, literal []byte) bool {
	digits := literal
	if t.Kind != Uint && digits[0] == '-' {
		digits = digits[1:]
	}
	if t.Kind == Float {
		return len(digits) < 30 && bytes.IndexByte(digits, 'e') < 0 && bytes.IndexByte(digits, 'E') < 0
	}
	if len(digits) > t.Bits/4 || len(digits) > 18 { // 18 nines are less than 2^63, 4 less than 2^15, 2 less than 2^7
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// anyNumber reads a json.Number, which encoding/json also reads from a string.
func (v *validator) anyNumber(t *Type, first byte) {
	begin := v.at
	v.skip()
	switch text := v.text[begin:v.at]; {
	case isNumber(first):
	case first == '"' && len(text) > 2 && isNumber(text[1]) && json.Valid(text[1:len(text)-1]):
	default:
		v.mismatch(t, kindOf(first))
	}
}

// array reads the elements of an array.
func (v *validator) array(t *Type) {
	n := 0
	for v.begin(); v.more(); n++ {
		v.enter(step{index: n})
		if t.Kind == Array && n >= t.Len {
			v.skip()
		} else {
			v.value(t.Elem)
		}
		v.leave()
	}
	if t.Kind == Array && n != t.Len {
		v.refuse(fmt.Sprintf("must have exactly %d elements, not %d", t.Len, n), nil)
	}
}

// object reads the members of an object that becomes a map.
func (v *validator) object(t *Type) {
	var seen names
	for v.begin(); v.more(); {
		name := v.name()
		v.enter(v.member(name))
		switch kind := t.Key.Kind; {
		case kind == Int, kind == Uint:
			name = v.wholeKey(t.Key, string(name))
		case kind == Text && v.own != nil:
			quoted, _ := json.Marshal(string(name)) // a string can be written
			v.own(t.Key, quoted)
		}
		if !seen.add(name) {
			v.refuse("is given twice", nil)
		}
		v.value(t.Elem)
		v.leave()
	}
}

// wholeKey checks a key that is a number, and returns it as it is usually written.
func (v *validator) wholeKey(t *Type, name string) []byte {
	if t.Kind == Int {
		if n, err := strconv.ParseInt(name, 10, t.Bits); err == nil {
			return strconv.AppendInt(nil, n, 10)
		}
	} else if n, err := strconv.ParseUint(name, 10, t.Bits); err == nil {
		return strconv.AppendUint(nil, n, 10)
	}
	v.refuse("has a name that must be "+t.within(), nil)
	return []byte(name)
}

// members reads the members of an object that becomes a struct.
func (v *validator) members(t *Type) {
	var few uint64 // which of the first 64 fields were given
	var many map[int]bool
	for v.begin(); v.more(); {
		name := v.name()
		i, ok := t.find(name)
		if !ok {
			if v.strict {
				v.unknown(t, name)
			}
			v.skip()
			continue
		}
		f := &t.Fields[i]
		v.enter(step{name: f.Name})
		var twice bool
		if i < 64 {
			twice, few = few&(1<<i) != 0, few|1<<i
		} else {
			if many == nil {
				many = map[int]bool{}
			}
			twice, many[i] = many[i], true
		}
		if twice {
			v.refuse("is given twice (letter case does not tell members apart)", nil)
		}
		if f.Quoted {
			v.quoted(f.Type)
		} else {
			v.value(f.Type)
		}
		v.leave()
	}
}

func (v *validator) unknown(t *Type, name []byte) {
	known := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		known[i] = f.Name
	}
	v.enter(step{name: clean(name)})
	v.add(Problem{Text: "is unknown", Unknown: true, Known: known})
	v.leave()
}

// quoted reads a number or a boolean inside a string, or a string inside a string.
func (v *validator) quoted(t *Type) {
	v.space()
	first := v.text[v.at]
	if first == 'n' {
		v.value(t)
		return
	}
	inner := t
	for inner.Kind == Pointer {
		inner = inner.Elem
	}
	if first != '"' {
		v.refuse("must be "+inner.words()+" inside a string", nil)
		v.skip()
		return
	}
	begin := v.at
	v.skip()
	var text string
	_ = json.Unmarshal(v.text[begin:v.at], &text) // it is a valid string
	if !json.Valid([]byte(text)) || text != strings.TrimSpace(text) || text == "null" {
		v.refuse("must be "+inner.words()+" inside a string", nil)
		return
	}
	within := validator{text: []byte(text), path: v.path}
	within.value(inner)
	for _, p := range within.problems {
		v.refuse(p.Text+" inside a string", nil)
	}
}

// begin enters an object or an array.
func (v *validator) begin() { v.at++ }

// more reports whether another member or element follows, and goes there; after the last it leaves the whole.
func (v *validator) more() bool {
	v.space()
	switch v.text[v.at] {
	case ',':
		v.at++
		v.space()
	case '}', ']':
		v.at++
		return false
	}
	return true
}

// name reads the name of a member, unescaped, and the colon.
func (v *validator) name() []byte {
	name := v.str()
	v.space()
	v.at++
	return name
}

// anything reads a value of any type. Members that are given twice would be lost in it too.
func (v *validator) anything() {
	v.space()
	switch first := v.text[v.at]; {
	case first == '{':
		var seen names
		for v.begin(); v.more(); {
			name := v.name()
			v.enter(v.member(name))
			if !seen.add(name) {
				v.refuse("is given twice", nil)
			}
			v.anything()
			v.leave()
		}
	case first == '[':
		v.array(anyElements)
	case first == '"':
		v.str()
	case isNumber(first):
		v.number(anyFloat, v.literal())
	default:
		v.literal()
	}
}

var (
	anyElements = &Type{Kind: Slice, Elem: &Type{Kind: Any, Null: true}}
	anyFloat    = &Type{Kind: Float, Bits: 64}
)
