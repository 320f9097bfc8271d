package jsontype

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// literal reads what is no string, array or object.
func (v *validator) literal() []byte {
	begin := v.at
	for v.at < len(v.text) {
		switch v.text[v.at] {
		case ' ', '\t', '\r', '\n', ',', ']', '}':
			return v.text[begin:v.at]
		}
		v.at++
	}
	return v.text[begin:]
}

// str reads a string and returns it unescaped.
func (v *validator) str() []byte {
	begin := v.at + 1
	end := begin + bytes.IndexByte(v.text[begin:], '"')
	if plain := v.text[begin:end]; bytes.IndexByte(plain, '\\') < 0 {
		v.at = end + 1
		return plain
	}
	v.at = begin
	for v.text[v.at] != '"' {
		if v.text[v.at] == '\\' {
			v.at++
		}
		v.at++
	}
	v.at++
	quoted := v.text[begin-1 : v.at]
	if halved(quoted) {
		v.refuse("has half of a surrogate pair, which is no character", nil)
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // it is a valid string
	return []byte(text)
}

// halved reports whether a string has an escape of a surrogate without its other half, which encoding/json replaces.
func halved(quoted []byte) bool {
	for i := 0; i < len(quoted)-1; i++ {
		if quoted[i] != '\\' {
			continue
		}
		i++
		if quoted[i] != 'u' {
			continue
		}
		r := hex(quoted[i+1:])
		i += 4
		switch {
		case r < 0xD800 || r > 0xDFFF:
		case r < 0xDC00 && bytes.HasPrefix(quoted[i+1:], []byte(`\u`)) && isLow(hex(quoted[i+3:])):
			i += 6
		default:
			return true
		}
	}
	return false
}

func isLow(r rune) bool { return r >= 0xDC00 && r <= 0xDFFF }

func hex(digits []byte) rune {
	n, err := strconv.ParseUint(string(digits[:4]), 16, 32)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}

// skip passes over a value, whatever is in it.
func (v *validator) skip() {
	v.space()
	depth := 0
	for {
		switch v.text[v.at] {
		case '"':
			for v.at++; v.text[v.at] != '"'; v.at++ {
				if v.text[v.at] == '\\' {
					v.at++
				}
			}
			v.at++
		case '{', '[':
			depth++
			v.at++
		case '}', ']':
			depth--
			v.at++
		case ' ', '\t', '\r', '\n', ',', ':':
			v.at++
		default:
			v.literal()
		}
		if depth == 0 {
			return
		}
	}
}

// names are those of one object. Few are compared one by one.
type names struct {
	few  [][]byte
	many map[string]bool
}

// add reports whether a name is new.
func (n *names) add(name []byte) bool {
	const limit = 16
	if n.many != nil {
		if n.many[string(name)] {
			return false
		}
		n.many[string(name)] = true
		return true
	}
	for _, other := range n.few {
		if bytes.Equal(other, name) {
			return false
		}
	}
	n.few = append(n.few, name)
	if len(n.few) > limit {
		n.many = make(map[string]bool, 2*limit)
		for _, other := range n.few {
			n.many[string(other)] = true
		}
		n.few = nil
	}
	return true
}

// clean makes a name that somebody else wrote fit for a message.
func clean(name []byte) string {
	const limit = 100
	text := strconv.QuoteToGraphic(string(name))
	text = text[1 : len(text)-1]
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	if text == "" {
		text = `""`
	}
	return text
}
