package sqsqueue

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/tasks"
)

// The message attributes of a dead letter; docs/wire-format.md describes them.
const (
	AttributeReason   = "reason"    // one of tasks.Reason
	AttributeError    = "error"     // the last error's text, shortened where it is long
	AttributeAttempts = "attempts"  // deliveries, a number; a message's own count starts anew in the dead-letter queue
	AttributeJobID    = "job_id"    // missing where the message was malformed
	AttributeFailedAt = "failed_at" // RFC 3339, UTC
)

const (
	// deadLetterRoom is what a job's message leaves free, so that the attributes of a dead letter always fit.
	deadLetterRoom = 2 << 10
	// minErrorText is the shortest error worth keeping.
	minErrorText = 16
)

// deadLetter makes the message that goes to the dead-letter queue: the body as it came, its own attributes as far as
// there is room for them, and what became of it. In the worst case, a message of another program that fills the whole
// limit, it is the body alone: a message that can't be explained is still kept.
func deadLetter(msg types.Message, o tasks.Outcome) outgoing {
	out := outgoing{body: aws.ToString(msg.Body), attributes: map[string]types.MessageAttributeValue{}}
	add := func(name, dataType, value string) {
		if value == "" || len(out.attributes) == maxAttributes {
			return
		}
		attribute := types.MessageAttributeValue{DataType: aws.String(dataType), StringValue: aws.String(value)}
		if out.size()+attributeSize(name, attribute) <= maxBytes {
			out.attributes[name] = attribute
		}
	}
	add(AttributeReason, "String", string(o.Reason))
	add(AttributeAttempts, "Number", strconv.Itoa(o.Attempt.Deliveries))
	add(AttributeFailedAt, "String", time.Now().UTC().Format(time.RFC3339))
	add(AttributeJobID, "String", sqsText(o.Attempt.ID, 256))
	room := maxBytes - out.size() - len(AttributeError) - len("String")
	if room >= minErrorText {
		add(AttributeError, "String", sqsText(o.ErrorText(), room))
	}
	for _, name := range slices.Sorted(maps.Keys(msg.MessageAttributes)) {
		attribute := msg.MessageAttributes[name]
		_, taken := out.attributes[name]
		if !taken && len(out.attributes) < maxAttributes && out.size()+attributeSize(name, attribute) <= maxBytes {
			out.attributes[name] = attribute
		}
	}
	if len(out.attributes) == 0 {
		out.attributes = nil
	}
	return out
}

// sqsText replaces the characters that SQS refuses (SendMessage: #x9 #xA #xD #x20-#xD7FF #xE000-#xFFFD
// #x10000-#x10FFFF) and cuts the text to a number of bytes, at a character. A limit too small for the mark of a cut, "…",
// leaves nothing.
func sqsText(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= 0x20 && r < 0xFFFE, r > 0xFFFF:
			return r
		default:
			return utf8.RuneError
		}
	}, s)
	if len(s) <= limit {
		return s
	}
	const mark = "…"
	cut := limit - len(mark)
	if cut < 0 {
		return ""
	}
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}

func attributesSize(attributes map[string]types.MessageAttributeValue) int {
	n := 0
	for name, a := range attributes {
		n += attributeSize(name, a)
	}
	return n
}

func attributeSize(name string, a types.MessageAttributeValue) int {
	return len(name) + len(aws.ToString(a.DataType)) + len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
}
