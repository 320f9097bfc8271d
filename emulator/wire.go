package emulator

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// appendWire writes one of the SDK's output structs as the JSON protocol has it: member names are field names, and
// what is not set is left out, lists and maps without entries among it, as SQS does.
func appendWire(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Pointer:
		return appendWire(b, v.Elem())
	case reflect.Struct:
		if at, ok := v.Interface().(time.Time); ok { // only EventBridge Scheduler has times, in seconds since 1970
			return strconv.AppendFloat(b, float64(at.UnixMilli())/1000, 'f', -1, 64)
		}
		return appendStruct(b, v)
	case reflect.Map:
		return appendMap(b, v)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			break // base64, by encoding/json
		}
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendWire(b, v.Index(i))
		}
		return append(b, ']')
	}
	return appendJSON(b, v.Interface())
}

func appendStruct(b []byte, v reflect.Value) []byte {
	b = append(b, '{')
	first := true
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || field.Name == "ResultMetadata" ||
			isUnset(v.Field(i)) && !isListing(v.Type(), field.Type) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, memberName(v.Type(), field.Name)...)
		b = append(b, '"', ':')
		b = appendWire(b, v.Field(i))
	}
	return append(b, '}')
}

// memberName is a field's name on the wire: its own, but for the one member whose name begins with a small letter.
func memberName(of reflect.Type, field string) string {
	if of == reflect.TypeFor[sqs.ListDeadLetterSourceQueuesOutput]() && field == "QueueUrls" {
		return "queueUrls"
	}
	return field
}

// isListing says whether a member is a list that EventBridge Scheduler answers with even when it is empty.
func isListing(of, member reflect.Type) bool {
	switch of {
	case reflect.TypeFor[scheduler.ListSchedulesOutput](), reflect.TypeFor[scheduler.ListScheduleGroupsOutput](),
		reflect.TypeFor[scheduler.ListTagsForResourceOutput]():
		return member.Kind() == reflect.Slice
	}
	return false
}

func isUnset(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return v.IsNil()
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return false
}

func appendMap(b []byte, v reflect.Value) []byte {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, key.String())
		b = append(b, ':')
		b = appendWire(b, v.MapIndex(key))
	}
	return append(b, '}')
}

// appendJSON writes a scalar. None of the SDK's scalars can fail.
func appendJSON(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return append(b, "null"...)
	}
	return append(b, text...)
}
