package lambdaworker

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// An EventError says why an event is not one of an SQS event source mapping.
type EventError struct{ Problem string }

func (e *EventError) Error() string {
	return "this function works SQS messages that an event source mapping hands it: " + e.Problem
}

// anyEvent has what tells events apart.
type anyEvent struct {
	Records    []events.SQSMessage `json:"Records"`
	Source     string              `json:"source"`
	DetailType string              `json:"detail-type"`
	WarmUp     bool                `json:"warmup"`
}

// readEvent returns the messages of an event; none for an empty batch and for {"warmup":true}, which only keeps an
// execution environment alive.
func readEvent(payload []byte) ([]events.SQSMessage, error) {
	var e anyEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		problem := "the event is not JSON: " + err.Error()
		if typeErr, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			problem = fmt.Sprintf("the event's %s is a JSON %s", orWhole(typeErr.Field), typeErr.Value)
		}
		return nil, &EventError{Problem: problem}
	}
	switch {
	case e.WarmUp:
		return nil, nil
	case e.DetailType != "":
		return nil, &EventError{Problem: fmt.Sprintf("this is an event of EventBridge (%q from %q); let its rule or schedule send to the queue instead", e.DetailType, e.Source)}
	case e.Records == nil:
		return nil, &EventError{Problem: "this event has no Records; a test event must have the shape of the console's template \"SQS\""}
	}
	for i, r := range e.Records {
		switch {
		case r.EventSource != "aws:sqs":
			return nil, &EventError{Problem: fmt.Sprintf("record %d is of %q", i, r.EventSource)}
		case r.MessageId == "":
			return nil, &EventError{Problem: fmt.Sprintf("record %d has no messageId", i)}
		}
	}
	return e.Records, nil
}

func orWhole(field string) string {
	if field == "" {
		return "whole"
	}
	return "field " + field
}

// response reports the messages at the given places as failed.
func response(records []events.SQSMessage, failed []int) ([]byte, error) {
	out := events.SQSEventResponse{BatchItemFailures: make([]events.SQSBatchItemFailure, len(failed))}
	for i, at := range failed {
		out.BatchItemFailures[i].ItemIdentifier = records[at].MessageId
	}
	return json.Marshal(out)
}

// message is a record as SQS's API would have given it.
func message(r *events.SQSMessage) types.Message {
	m := types.Message{
		MessageId: aws.String(r.MessageId), ReceiptHandle: aws.String(r.ReceiptHandle), Body: aws.String(r.Body), Attributes: r.Attributes,
	}
	if len(r.MessageAttributes) > 0 {
		m.MessageAttributes = make(map[string]types.MessageAttributeValue, len(r.MessageAttributes))
	}
	for name, a := range r.MessageAttributes {
		m.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String(a.DataType), StringValue: a.StringValue, BinaryValue: a.BinaryValue}
	}
	return m
}

func attribute(r *events.SQSMessage, name types.MessageSystemAttributeName) string {
	return r.Attributes[string(name)]
}

// receives is how often the message was delivered, this time included.
func receives(r *events.SQSMessage) int {
	n, err := strconv.Atoi(attribute(r, types.MessageSystemAttributeNameApproximateReceiveCount))
	if err != nil {
		return 1
	}
	return n
}

func firstReceived(r *events.SQSMessage) time.Time {
	ms, err := strconv.ParseInt(attribute(r, types.MessageSystemAttributeNameApproximateFirstReceiveTimestamp), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// A queue is where messages come from.
type queue struct {
	name  string // as SQS has it
	short string // as the tasks' definitions have it
	fifo  bool
}

// queueARN is arn:partition:sqs:region:account:name. Its parts become those of a URL, so that they must not be anything else.
var queueARN = regexp.MustCompile(`^arn:([a-z-]+):sqs:([a-z0-9-]+):([0-9]{12}):([A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo)$`)

// queue finds out about a queue by its ARN, and tells the client its URL and its
// dead-letter queue's, which saves a request and a permission.
func (h *Handler) queue(arn string) (queue, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if q, ok := h.queues[arn]; ok {
		return q, nil
	}
	part := queueARN.FindStringSubmatch(arn)
	if part == nil {
		return queue{}, &EventError{Problem: fmt.Sprintf("a record's eventSourceARN is %q", arn)}
	}
	partition, region, account, name := part[1], part[2], part[3], part[4]
	q := queue{name: name, short: h.shortName(name), fifo: sqsqueue.IsFIFO(name)}
	domain := map[string]string{"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}[partition]
	if domain != "" {
		for _, known := range []string{name, sqsqueue.DeadLetterQueue(name)} {
			h.client.Remember(known, fmt.Sprintf("https://sqs.%s.%s/%s/%s", region, domain, account, known))
		}
	}
	h.queues[arn] = q
	return q, nil
}

// shortName takes the environment's prefix off: the longest name of the registry's queues that the name ends with.
func (h *Handler) shortName(name string) string {
	name = strings.TrimSuffix(name, ".fifo")
	specs := h.registry.Queues()
	slices.SortFunc(specs, func(a, b tasks.QueueSpec) int { return len(b.Name) - len(a.Name) })
	for _, spec := range specs {
		if strings.HasSuffix(name, spec.Name) {
			return spec.Name
		}
	}
	return name
}
