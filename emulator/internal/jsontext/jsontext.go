// Package jsontext looks at JSON for what encoding/json replaces by U+FFFD without a word: bytes that are not UTF-8, and
// escapes of one half of a surrogate pair. A service that took such a text would hand out another than it was given.
package jsontext

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// Lone finds the first escape in a JSON text that is half of a surrogate pair: which half, and where its backslash is. Where
// there is none, at is -1.
func Lone(text []byte) (half rune, at int) { return loneFrom(text, 0) }

// loneFrom is Lone from an offset on. In JSON a backslash is always the beginning of an escape.
func loneFrom(text []byte, from int) (half rune, at int) {
	for i := from; ; {
		next := bytes.IndexByte(text[i:], '\\')
		if next < 0 {
			return 0, -1
		}
		i += next
		r, ok := escape(text[i:])
		switch {
		case !ok:
			i += 2 // any other escape
		case !utf16.IsSurrogate(r):
			i += escapeSize
		default:
			low, ok := escape(text[i+escapeSize:])
			if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
				return r, i
			}
			i += 2 * escapeSize
		}
		if i > len(text) {
			return 0, -1 // it ends within an escape
		}
	}
}

// escapeSize is the size of \uXXXX.
const escapeSize = 6

// escape reads the \uXXXX that a text begins with.
func escape(text []byte) (rune, bool) {
	if len(text) < escapeSize || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range text[2:escapeSize] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// Replace gives a JSON text in which each half of a surrogate pair is U+FFFE instead, a character that stays what it is when
// it is decoded.
func Replace(text []byte) []byte {
	text = bytes.Clone(text)
	for from := 0; ; {
		_, at := loneFrom(text, from)
		if at < 0 {
			return text
		}
		copy(text[at:], `\ufffe`)
		from = at + escapeSize
	}
}

// Check refuses a JSON text that encoding/json would not decode as it is. It does not look at anything else.
func Check(text []byte) error {
	if err := CheckUTF8(text); err != nil {
		return err
	}
	if half, at := Lone(text); at >= 0 {
		return fmt.Errorf(`\u%04X at byte %d is half of a surrogate pair, without the other half`, half, at)
	}
	return nil
}

// CheckUTF8 refuses a text that is not UTF-8.
func CheckUTF8(text []byte) error {
	if utf8.Valid(text) {
		return nil
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return fmt.Errorf("byte %d is not UTF-8", i)
		}
		i += size
	}
	return nil
}
