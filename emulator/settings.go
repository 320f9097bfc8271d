package emulator

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of SQS; "Amazon SQS message quotas" and the API reference of SetQueueAttributes.
const (
	maxDelaySeconds      = 900
	maxVisibilitySeconds = 43_200
	maxWaitSeconds       = 20
	maxMessageBytes      = 1_048_576
	minMessageBytes      = 1_024
	maxRetentionSeconds  = 1_209_600
	minRetentionSeconds  = 60
	maxInFlight          = 120_000
	maxReceiveCountLimit = 1_000
	maxTags              = 50
)

// settings are a queue's attributes: as they were set, and parsed.
type settings struct {
	attrs      map[string]string // what is set, by name
	visibility int64             // ms
	delay      int64             // ms
	retention  int64             // ms
	wait       int64             // ms
	maxSize    int               // bytes
	redrive    *redrivePolicy    // nil: none
	allow      *redriveAllowPolicy
}

// numeric are the attributes with a range, and their defaults.
func numeric(name string) (lowest, highest, standard int64, ok bool) {
	switch name {
	case "VisibilityTimeout":
		return 0, maxVisibilitySeconds, 30, true
	case "DelaySeconds":
		return 0, maxDelaySeconds, 0, true
	case "MaximumMessageSize":
		return minMessageBytes, maxMessageBytes, maxMessageBytes, true
	case "MessageRetentionPeriod":
		return minRetentionSeconds, maxRetentionSeconds, 345_600, true
	case "ReceiveMessageWaitTimeSeconds":
		return 0, maxWaitSeconds, 0, true
	case "KmsDataKeyReusePeriodSeconds":
		return 60, 86_400, 300, true
	}
	return 0, 0, 0, false
}

// fifoOnly are attributes that a standard queue does not know.
func fifoOnly(name string) bool {
	switch name {
	case "FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit":
		return true
	}
	return false
}

// computed are attributes that can only be read.
func computed(name string) bool {
	switch name {
	case "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed",
		"CreatedTimestamp", "LastModifiedTimestamp", "QueueArn":
		return true
	}
	return false
}

func defaultAttributes() map[string]string {
	attrs := map[string]string{"SqsManagedSseEnabled": "true"}
	for _, name := range []string{"VisibilityTimeout", "DelaySeconds", "MaximumMessageSize", "MessageRetentionPeriod",
		"ReceiveMessageWaitTimeSeconds"} {
		_, _, standard, _ := numeric(name)
		attrs[name] = strconv.FormatInt(standard, 10)
	}
	return attrs
}

// withAttributes gives the settings of a queue that result from setting attributes on top of old ones, or says which is wrong.
func (e *Emulator) withAttributes(at inRegion, old, changes map[string]string) (settings, error) {
	attrs := maps.Clone(old)
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		value := changes[name]
		if err := checkAttribute(name, value); err != nil {
			return settings{}, err
		}
		if value == "" {
			delete(attrs, name)
		} else {
			attrs[name] = value
		}
	}
	if err := settleEncryption(attrs, changes); err != nil {
		return settings{}, err
	}
	s, err := parseSettings(attrs)
	if err != nil {
		return settings{}, err
	}
	if value := changes["RedrivePolicy"]; value != "" {
		if err := e.checkRedrive(at, value, s); err != nil {
			return settings{}, err
		}
	}
	return s, nil
}

func checkAttribute(name, value string) error {
	if !utf8.ValidString(value) {
		return faultAttributeValue(name)
	}
	if lowest, highest, _, ok := numeric(name); ok {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < lowest || n > highest {
			return faultAttributeValue(name)
		}
		return nil
	}
	switch name {
	case "SqsManagedSseEnabled":
		if value != "true" && value != "false" {
			return faultAttributeValue(name)
		}
		return nil
	case "Policy":
		if value != "" && !isJSONObject(value) {
			return faultAttributeValue(name)
		}
		return nil
	case "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId":
		return nil
	}
	return faultAttributeName(name)
}

func faultFIFO() error {
	return faultUnsupported("The emulator serves standard queues only, not FIFO queues.")
}

// settleEncryption keeps a queue to one kind of encryption: naming a KMS key switches SSE-SQS off. What is said of a key goes with
// the key.
func settleEncryption(attrs, changes map[string]string) error {
	if changes["KmsMasterKeyId"] != "" && changes["SqsManagedSseEnabled"] == "true" {
		return newFault("InvalidAttributeName", "InvalidAttributeName", "You can use one type of server-side "+
			"encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.")
	}
	if changes["KmsMasterKeyId"] != "" {
		attrs["SqsManagedSseEnabled"] = "false"
	}
	key, keySaid := changes["KmsMasterKeyId"]
	if changes["SqsManagedSseEnabled"] == "true" || keySaid && key == "" {
		delete(attrs, "KmsMasterKeyId")
		delete(attrs, "KmsDataKeyReusePeriodSeconds")
	}
	return nil
}

func parseSettings(attrs map[string]string) (settings, error) {
	s := settings{attrs: attrs}
	seconds := func(name string) int64 {
		n, _ := strconv.ParseInt(attrs[name], 10, 64)
		return n * 1000
	}
	s.visibility = seconds("VisibilityTimeout")
	s.delay = seconds("DelaySeconds")
	s.retention = seconds("MessageRetentionPeriod")
	s.wait = seconds("ReceiveMessageWaitTimeSeconds")
	s.maxSize = int(seconds("MaximumMessageSize") / 1000)
	var err error
	if value := attrs["RedrivePolicy"]; value != "" {
		if s.redrive, err = parseRedrive(value); err != nil {
			return settings{}, err
		}
	}
	if value := attrs["RedriveAllowPolicy"]; value != "" {
		if s.allow, err = parseRedriveAllow(value); err != nil {
			return settings{}, err
		}
	}
	return s, nil
}

// firstDifference names an attribute that a queue has with another value than the one asked for, or "".
func firstDifference(have, want map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !sameValue(have[name], want[name]) {
			return name
		}
	}
	return ""
}

// sameValue compares attribute values; policies are the same however their JSON is laid out.
func sameValue(a, b string) bool {
	if a == b {
		return true
	}
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return reflect.DeepEqual(loosen(x), loosen(y))
}

// loosen makes "5" and 5 the same inside a policy: SQS takes maxReceiveCount as either.
func loosen(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = loosen(v[k])
		}
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return v
}

func isJSONObject(s string) bool {
	var v map[string]json.RawMessage
	return strings.HasPrefix(strings.TrimSpace(s), "{") && json.Unmarshal([]byte(s), &v) == nil
}
