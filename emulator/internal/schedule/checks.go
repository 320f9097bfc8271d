package schedule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Invalid is a request that the service answers with ValidationException.
type Invalid struct {
	// Message is the exception's text.
	Message string
	// Reason is what the text does not tell, for people; "" where there is no more to say.
	Reason string
}

// Error gives the message.
func (i *Invalid) Error() string { return i.Message }

func invalid(format string, args ...any) *Invalid {
	return &Invalid{Message: fmt.Sprintf(format, args...)}
}

// Checks gathers what is wrong with the single members of a request and words it as AWS does, all in one message. The
// limits are those of the API reference.
type Checks struct{ found []string }

func (c *Checks) fail(value any, member, constraint string, args ...any) {
	c.found = append(c.found, fmt.Sprintf("Value '%v' at '%s' failed to satisfy constraint: Member must %s",
		value, member, fmt.Sprintf(constraint, args...)))
}

// Err is an *[Invalid] that names everything which was found, or nil.
func (c *Checks) Err() error {
	switch len(c.found) {
	case 0:
		return nil
	case 1:
		return invalid("1 validation error detected: %s", c.found[0])
	}
	return invalid("%d validation errors detected: %s", len(c.found), strings.Join(c.found, "; "))
}

// Required notes a member that is not there.
func (c *Checks) Required(there bool, member string) bool {
	if !there {
		c.found = append(c.found, "Value null at '"+member+"' failed to satisfy constraint: Member must not be null")
	}
	return there
}

// Text checks a text's length in characters and, where there is one, its pattern. Nil is fine.
func (c *Checks) Text(value *string, member string, shortest, longest int, pattern string) {
	if value == nil {
		return
	}
	switch n := utf8.RuneCountInString(*value); {
	case !utf8.ValidString(*value): // only calls in process can have it
		c.fail(strings.ToValidUTF8(*value, "\ufffd"), member, "be text in UTF-8")
	case n < shortest:
		c.fail(*value, member, "have length greater than or equal to %d", shortest)
	case n > longest:
		c.fail(*value, member, "have length less than or equal to %d", longest)
	case pattern != "" && !regexp.MustCompile(pattern).MatchString(*value):
		c.fail(*value, member, "satisfy regular expression pattern: %s", pattern)
	}
}

// Number checks that a number is within its range. Nil is fine.
func (c *Checks) Number(value *int32, member string, lowest, highest int32) {
	switch {
	case value == nil:
	case *value < lowest:
		c.fail(*value, member, "have value greater than or equal to %d", lowest)
	case *value > highest:
		c.fail(*value, member, "have value less than or equal to %d", highest)
	}
}

// date keeps a date to what RFC 3339 can write. Nil is fine.
func (c *Checks) date(value *time.Time, member string) {
	if value != nil && (value.UTC().Year() < 1970 || value.UTC().Year() > 9998) {
		c.fail(value.Unix(), member, "be a date from 1970 to 9998")
	}
}

// OneOf checks an enumeration. The empty one is fine: it means the default.
func OneOf[E ~string](c *Checks, value E, member string, known []E) {
	if value == "" || slices.Contains(known, value) {
		return
	}
	c.fail(value, member, "satisfy enum value set: %v", known)
}

// The patterns of the API reference, but that a partition may have two hyphens, as aws-us-gov has.
const (
	namePattern  = `^[0-9a-zA-Z-_.]+$`
	tokenPattern = `^[a-zA-Z0-9-_]+$`
	rolePattern  = `^arn:aws(-[a-z]+)*:iam::\d{12}:role\/[\w+=,.@\/-]+$`
	queuePattern = `^arn:aws(-[a-z]+)*:sqs:[a-z0-9\-]+:\d{12}:[a-zA-Z0-9\-_]+$`
	kmsPattern   = `^arn:aws(-[a-z]+)*:kms:[a-z0-9\-]+:\d{12}:(key|alias)\/[0-9a-zA-Z-_]*$`
	groupPattern = `^arn:aws(-[a-z]+)*:scheduler:[a-z0-9\-]+:\d{12}:schedule-group\/[0-9a-zA-Z-_.]+$`
)

// Name checks the name of a schedule or a group, which must be there.
func (c *Checks) Name(value *string, member string) {
	if c.Required(value != nil, member) {
		c.Text(value, member, 1, 64, namePattern)
	}
}

// OptionalName checks a group's name where none means "default", and the beginning of names in a listing.
func (c *Checks) OptionalName(value *string, member string) {
	c.Text(value, member, 1, 64, namePattern)
}

// Token checks a ClientToken.
func (c *Checks) Token(value *string) { c.Text(value, "clientToken", 1, 64, tokenPattern) }

// Page checks the paging of a listing.
func (c *Checks) Page(size *int32, token *string) {
	c.Number(size, "maxResults", 1, 100)
	c.Text(token, "nextToken", 1, 2048, "")
}

// GroupARN checks the ARN of what is to be tagged: only groups can be.
func (c *Checks) GroupARN(value *string) {
	if c.Required(value != nil, "resourceArn") {
		c.Text(value, "resourceArn", 1, 1011, groupPattern)
	}
}

// Tag checks one tag.
func (c *Checks) Tag(key, value *string) {
	c.TagKey(key)
	if c.Required(value != nil, "tags.member.value") {
		c.Text(value, "tags.member.value", 1, 256, "")
	}
}

// TagKey checks a tag's key.
func (c *Checks) TagKey(key *string) {
	if c.Required(key != nil, "tags.member.key") {
		c.Text(key, "tags.member.key", 1, 128, "")
	}
}
