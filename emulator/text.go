package emulator

import (
	"fmt"
	"unicode/utf8"
)

// allowedCharacters is how SQS says which ones a message may have.
const allowedCharacters = "the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."

// noncharacter is what a surrogate without its other half is read as.
const noncharacter = 0xFFFE

// badCharacter finds the first character that SQS's messages may not have; API reference, SendMessage. What is not UTF-8 is
// utf8.RuneError. half is the surrogate that the request has without its other half, 0 where there is none.
func badCharacter(s string, half rune) (r rune, found bool) {
	for i := 0; i < len(s); {
		if b := s[i]; b < utf8.RuneSelf {
			if b < ' ' && b != '\t' && b != '\n' && b != '\r' {
				return rune(b), true
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == noncharacter && half != 0:
			return half, true
		case n == 1, r == noncharacter, r == 0xFFFF:
			return r, true
		}
		i += n
	}
	return 0, false
}

// isText says whether a message may have a text in it.
func isText(s string) bool {
	_, found := badCharacter(s, 0)
	return !found
}

// describeCharacter is SQS's wording; where is what the character was found in.
func describeCharacter(r rune, where string) string {
	if r == utf8.RuneError {
		return fmt.Sprintf("What is not UTF-8 was found in %s, %s", where, allowedCharacters)
	}
	return fmt.Sprintf("Invalid binary character '#x%X' was found in %s, %s", r, where, allowedCharacters)
}

// checkBody refuses a message body with a character that SQS does not take.
func checkBody(body string, half rune) error {
	r, found := badCharacter(body, half)
	if !found {
		return nil
	}
	return newFault("InvalidMessageContents", "InvalidMessageContents", "%s", describeCharacter(r, "the message body"))
}

// checkAttributeText is the same for the value of a message attribute, where the error is another.
func checkAttributeText(name, value string, half rune) error {
	r, found := badCharacter(value, half)
	if !found {
		return nil
	}
	return faultInvalidParameter("%s", describeCharacter(r, "the message attribute '"+name+"' value"))
}
