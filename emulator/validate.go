package emulator

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	maxBatchEntries      = 10
	maxMessageAttributes = 10
	maxAttributeName     = 256
	maxIDLength          = 80
)

// isName says whether s is 1 to 80 of A-Z a-z 0-9 - _, as queue names and batch entry ids are.
func isName(s string) bool {
	if len(s) < 1 || len(s) > maxIDLength {
		return false
	}
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// checkToken checks a MessageGroupId and its like: 1 to 128 printable ASCII characters without a space.
func checkToken(value *string, parameter string) error {
	if value == nil {
		return nil
	}
	bad := strings.IndexFunc(*value, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0
	if bad || len(*value) < 1 || len(*value) > 128 {
		return faultValue(*value, parameter, parameter+" can only include alphanumeric and punctuation characters. "+
			"1 to 128 in length.")
	}
	return nil
}

// faultQueueType is the answer to a parameter that only FIFO queues have.
func faultQueueType(value, parameter string) error {
	return faultValue(value, parameter, "The request include parameter that is not valid for this queue type.")
}

func checkSeconds(value *int32, parameter string, highest int32, reason string) error {
	if value != nil && (*value < 0 || *value > highest) {
		return faultValue(*value, parameter, reason)
	}
	return nil
}

// toAttributes checks a message's attributes and copies them; half is as in badCharacter.
func toAttributes(in map[string]types.MessageAttributeValue, half rune) (map[string]attribute, error) {
	if len(in) > maxMessageAttributes {
		return nil, faultInvalidParameter("Number of message attributes [%d] exceeds the allowed maximum [%d].",
			len(in), maxMessageAttributes)
	}
	if len(in) == 0 {
		return nil, nil
	}
	out := make(map[string]attribute, len(in))
	for _, name := range slices.Sorted(maps.Keys(in)) {
		v := in[name]
		if err := checkAttributeName(name); err != nil {
			return nil, err
		}
		if err := checkAttributeText(name, aws.ToString(v.StringValue), half); err != nil {
			return nil, err
		}
		a, err := toAttribute(name, aws.ToString(v.DataType), v.StringValue, v.BinaryValue)
		if err != nil {
			return nil, err
		}
		if len(v.StringListValues)+len(v.BinaryListValues) > 0 {
			return nil, faultUnsupported("Message attribute list values in SendMessage operation are not supported.")
		}
		out[name] = a
	}
	return out, nil
}

// checkAttributeName holds a name to the developer guide's rules ("Message attribute components").
func checkAttributeName(name string) error {
	if name == "" {
		return faultInvalidParameter("The message attribute name must not be empty.")
	}
	if len(name) > maxAttributeName {
		return faultInvalidParameter("Length of message attribute name must be less than 256 bytes.")
	}
	if strings.IndexFunc(name, notInAttributeName) >= 0 {
		return faultInvalidParameter("Message (user) attribute name '%s' is invalid. It can contain only "+
			"alphanumeric characters, underscores, hyphens and periods.", name)
	}
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return faultInvalidParameter("Message (user) attribute name '%s' is invalid. It must not start or end with a "+
			"period or have periods in succession.", name)
	}
	if lower := strings.ToLower(name); strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon.") {
		return faultInvalidParameter("You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. "+
			"These strings are reserved for internal use: %s.", name)
	}
	return nil
}

// notInAttributeName says of a character that a name may not have it. The guide has only ASCII; SQS takes letters with accents
// and the like as well.
func notInAttributeName(r rune) bool {
	ascii := r < utf8.RuneSelf && isAlphanumeric(byte(r)) || r == '_' || r == '-' || r == '.'
	return !ascii && (r < 0xC0 || r > 0x17F)
}

// number is what the Number type takes: up to 38 digits and an exponent.
var number = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$`)

func toAttribute(name, dataType string, text *string, binary []byte) (attribute, error) {
	if dataType == "" {
		return attribute{}, faultInvalidParameter(
			"The message (user) attribute '%s' must contain a non-empty message attribute type.", name)
	}
	kind, _, _ := strings.Cut(dataType, ".")
	if len(dataType) > maxAttributeName || !isText(dataType) || !slices.Contains([]string{"String", "Number", "Binary"}, kind) {
		return attribute{}, faultInvalidParameter("The type of message (user) attribute '%s' is invalid. You must use "+
			"only the following supported type prefixes: Binary, Number, String.", name)
	}
	empty := faultInvalidParameter("Message (user) attribute '%s' must contain a non-empty value of type '%s'.", name, kind)
	if kind == "Binary" {
		if len(binary) == 0 || text != nil {
			return attribute{}, empty
		}
		return attribute{Type: dataType, Binary: slices.Clone(binary)}, nil
	}
	if aws.ToString(text) == "" || binary != nil {
		return attribute{}, empty
	}
	if kind == "Number" && (!number.MatchString(*text) || len(*text) > 128) {
		return attribute{}, faultInvalidParameter(
			"Can't cast the value of message (user) attribute '%s' to a number.", name)
	}
	return attribute{Type: dataType, String: *text}, nil
}

// toTrace checks the system attributes of a send: AWSTraceHeader is the only one there is.
func toTrace(in map[string]types.MessageSystemAttributeValue, half rune) (map[string]attribute, error) {
	out := make(map[string]attribute, len(in))
	for name, v := range in {
		if name != string(types.MessageSystemAttributeNameForSendsAWSTraceHeader) {
			return nil, faultInvalidParameter("Message system attribute name '%s' is invalid.", name)
		}
		if aws.ToString(v.DataType) != "String" {
			return nil, faultInvalidParameter(
				"The type of message (system) attribute '%s' is invalid. You must use only the following supported "+
					"type prefixes: String.", name)
		}
		if aws.ToString(v.StringValue) == "" {
			return nil, faultInvalidParameter(
				"Message (system) attribute '%s' must contain a non-empty value of type 'String'.", name)
		}
		if err := checkAttributeText(name, *v.StringValue, half); err != nil {
			return nil, err
		}
		out[name] = attribute{Type: "String", String: *v.StringValue}
	}
	return out, nil
}

// checkBatch checks what all batch requests have in common: how many entries there are, and their ids.
func checkBatch(entryType string, ids []*string) error {
	if len(ids) == 0 {
		return faultBatch("EmptyBatchRequest", "There should be at least one %s in the request.", entryType)
	}
	if len(ids) > maxBatchEntries {
		return faultBatch("TooManyEntriesInBatchRequest",
			"Maximum number of entries per request are %d. You have sent %d.", maxBatchEntries, len(ids))
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if !isName(aws.ToString(id)) {
			return faultBatch("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, "+
				"hyphens and underscores. It can be at most %d letters long.", maxIDLength)
		}
		if seen[*id] {
			return faultBatch("BatchEntryIdsNotDistinct", "Id %s repeated.", *id)
		}
		seen[*id] = true
	}
	return nil
}

// failedEntry reports one entry of a batch that failed.
func failedEntry(id *string, err error) types.BatchResultErrorEntry {
	f := asFault(err)
	return types.BatchResultErrorEntry{
		Id: id, Code: aws.String(f.code), Message: aws.String(f.message), SenderFault: f.status < 500,
	}
}

func checkRange(value *int32, parameter string, lowest, highest int32) error {
	if value != nil && (*value < lowest || *value > highest) {
		return faultValue(*value, parameter, "Must be between "+strconv.Itoa(int(lowest))+" and "+
			strconv.Itoa(int(highest))+", if provided.")
	}
	return nil
}
