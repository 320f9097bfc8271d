package sqstest

import (
	"bytes"
	"crypto/md5" //nolint:gosec // SQS promises this digest; it guards against accidents, not attacks.
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/conformance"
)

var messageTests = []func(*check){
	sendReceiveDelete, sendAnswersDigests, systemAttributes, systemAttributeNames, traceHeader, messageGroups,
	maxNumberOfMessages, deleteTwice, deleteWithEarlierHandle, deleteAfterTimeout, invalidReceiptHandle, receiveFromEmptyQueue,
}

func sendReceiveDelete(c *check) {
	q := c.newQueue("VisibilityTimeout", "1")
	sent := q.send("hello")
	got := q.receiveOne()
	if aws.ToString(got.Body) != "hello" || aws.ToString(got.MessageId) != aws.ToString(sent.MessageId) {
		c.Errorf("received %q with id %s, sent hello with id %s", aws.ToString(got.Body), aws.ToString(got.MessageId), aws.ToString(sent.MessageId))
	}
	if aws.ToString(got.ReceiptHandle) == "" {
		c.Errorf("received no receipt handle")
	}
	q.delete(got)
	if again := q.receive(waiting(2)); len(again) > 0 { // past its visibility timeout
		c.Errorf("received %q after its delete", aws.ToString(again[0].Body))
	}
}

func sendAnswersDigests(c *check) {
	q := c.newQueue()
	attributes := map[string]types.MessageAttributeValue{
		"text":   {DataType: aws.String("String"), StringValue: aws.String("grüße")},
		"number": {DataType: aws.String("Number.int"), StringValue: aws.String("42")},
		"blob":   {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 254, 255}},
	}
	sent := q.send("body ünd more", func(in *sqs.SendMessageInput) { in.MessageAttributes = attributes })
	if got, want := aws.ToString(sent.MD5OfMessageBody), digest([]byte("body ünd more")); got != want {
		c.Errorf("SendMessage answered MD5OfMessageBody %s, want %s", got, want)
	}
	if got, want := aws.ToString(sent.MD5OfMessageAttributes), digestOf(attributes); got != want {
		c.Errorf("SendMessage answered MD5OfMessageAttributes %s, want %s", got, want)
	}
	got := q.receiveOne()
	if want := digest([]byte("body ünd more")); aws.ToString(got.MD5OfBody) != want {
		c.Errorf("ReceiveMessage answered MD5OfBody %s, want %s", aws.ToString(got.MD5OfBody), want)
	}
	if want := digestOf(attributes); aws.ToString(got.MD5OfMessageAttributes) != want {
		c.Errorf("ReceiveMessage answered MD5OfMessageAttributes %s, want %s", aws.ToString(got.MD5OfMessageAttributes), want)
	}
	plain := q.send("plain")
	if plain.MD5OfMessageAttributes != nil {
		c.Errorf("SendMessage without attributes answered MD5OfMessageAttributes %s", *plain.MD5OfMessageAttributes)
	}
}

// digestOf follows the developer guide, "Calculating the MD5 message digest for message
// attributes": sorted by name, every part after its length, a byte for the kind of value.
func digestOf(attributes map[string]types.MessageAttributeValue) string {
	var all bytes.Buffer
	part := func(b []byte) {
		_ = binary.Write(&all, binary.BigEndian, uint32(len(b))) //nolint:gosec // at most 1 MiB
		all.Write(b)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		value := attributes[name]
		part([]byte(name))
		part([]byte(aws.ToString(value.DataType)))
		if strings.HasPrefix(aws.ToString(value.DataType), "Binary") {
			all.WriteByte(2)
			part(value.BinaryValue)
		} else {
			all.WriteByte(1)
			part([]byte(aws.ToString(value.StringValue)))
		}
	}
	return digest(all.Bytes())
}

func digest(b []byte) string {
	sum := md5.Sum(b) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

func systemAttributes(c *check) {
	q := c.newQueue("VisibilityTimeout", "1")
	before := time.Now()
	q.send("x")
	after := time.Now()
	first := q.receiveOne()
	firstReceived := time.Now()
	if sent := milliseconds(first, types.MessageSystemAttributeNameSentTimestamp); sent.Before(before.Add(-time.Second)) || sent.After(after.Add(time.Second)) {
		c.Errorf("SentTimestamp is %v, sent between %v and %v", sent, before, after)
	}
	at := milliseconds(first, types.MessageSystemAttributeNameApproximateFirstReceiveTimestamp)
	if at.Before(before.Add(-time.Second)) || at.After(firstReceived.Add(time.Second)) {
		c.Errorf("ApproximateFirstReceiveTimestamp is %v, received at %v", at, firstReceived)
	}
	if got := system(first, types.MessageSystemAttributeNameApproximateReceiveCount); got != "1" {
		c.Errorf("ApproximateReceiveCount of the first receive is %q, want 1", got)
	}
	if system(first, types.MessageSystemAttributeNameSenderId) == "" {
		c.Errorf("SenderId is missing")
	}
	second := q.receiveOne()
	if got := system(second, types.MessageSystemAttributeNameApproximateReceiveCount); got != "2" {
		c.Errorf("ApproximateReceiveCount of the second receive is %q, want 2", got)
	}
	for _, name := range []types.MessageSystemAttributeName{
		types.MessageSystemAttributeNameSentTimestamp, types.MessageSystemAttributeNameApproximateFirstReceiveTimestamp,
	} {
		if system(first, name) != system(second, name) {
			c.Errorf("%s changed from %s to %s with the second receive", name, system(first, name), system(second, name))
		}
	}
}

func milliseconds(m types.Message, name types.MessageSystemAttributeName) time.Time {
	n, _ := strconv.ParseInt(system(m, name), 10, 64) // a value that is no number is 1970
	return time.UnixMilli(n)
}

// systemAttributeNames: nothing comes unasked, and the older parameter of the same meaning works.
func systemAttributeNames(c *check) {
	count := types.MessageSystemAttributeNameApproximateReceiveCount
	for name, tt := range map[string]struct {
		ask  func(*sqs.ReceiveMessageInput)
		want []string
	}{
		"none asked for": {func(*sqs.ReceiveMessageInput) {}, nil},
		"one": {func(in *sqs.ReceiveMessageInput) {
			in.MessageSystemAttributeNames = []types.MessageSystemAttributeName{count}
		}, []string{string(count)}},
		"one by the older parameter": {func(in *sqs.ReceiveMessageInput) {
			in.AttributeNames = []types.QueueAttributeName{types.QueueAttributeName(count)} //nolint:staticcheck // deprecated, and still sent by older programs
		}, []string{string(count)}},
	} {
		q := c.newQueue()
		q.send("x")
		got := q.receiveOne(func(in *sqs.ReceiveMessageInput) {
			in.MessageSystemAttributeNames = nil
			tt.ask(in)
		})
		if names := slices.Sorted(maps.Keys(got.Attributes)); !slices.Equal(names, tt.want) {
			c.Errorf("%s: received the attributes %v, want %v", name, names, tt.want)
		}
	}
}

// traceHeader: a system attribute that the sender sets comes back, and has a digest of its own.
func traceHeader(c *check) {
	const header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	q := c.newQueue()
	sent := q.send("x", func(in *sqs.SendMessageInput) {
		in.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
			"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String(header)},
		}
	})
	want := digestOf(map[string]types.MessageAttributeValue{
		"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String(header)},
	})
	if got := aws.ToString(sent.MD5OfMessageSystemAttributes); got != want {
		c.Errorf("MD5OfMessageSystemAttributes is %q, want %q", got, want)
	}
	if got := system(q.receiveOne(), types.MessageSystemAttributeNameAWSTraceHeader); got != header {
		c.Errorf("AWSTraceHeader is %q, want %q", got, header)
	}
}

// messageGroups: on a standard queue a group marks a tenant (fair queues); it does not order.
func messageGroups(c *check) {
	q := c.newQueue()
	for _, tenant := range []string{"a", "a", "b"} {
		q.send(tenant, func(in *sqs.SendMessageInput) { in.MessageGroupId = &tenant })
	}
	for _, m := range q.receiveAll(3) { // a FIFO queue would hold the second of group a back
		if got := system(m, types.MessageSystemAttributeNameMessageGroupId); got != aws.ToString(m.Body) {
			c.Errorf("MessageGroupId is %q, want %q", got, aws.ToString(m.Body))
		}
	}
}

func maxNumberOfMessages(c *check) {
	q := c.newQueue()
	for range 12 {
		q.send("x")
	}
	if got := q.receive(waiting(2), func(in *sqs.ReceiveMessageInput) { in.MaxNumberOfMessages = 0 }); len(got) != 1 {
		c.Errorf("received %d messages by default, want 1", len(got))
	}
	if got := q.receive(waiting(2), func(in *sqs.ReceiveMessageInput) { in.MaxNumberOfMessages = 3 }); len(got) < 1 || len(got) > 3 {
		c.Errorf("received %d messages, want 1 to 3", len(got))
	}
	if got := q.receive(waiting(2)); len(got) < 1 || len(got) > 10 {
		c.Errorf("received %d messages, want 1 to 10", len(got))
	}
}

func deleteTwice(c *check) {
	q := c.newQueue()
	q.send("x")
	got := q.receiveOne()
	q.delete(got)
	q.delete(got) // a retried acknowledgement succeeds
}

// deleteWithEarlierHandle: after a second receive the first handle may delete or not (the
// reference leaves it open), but using it is no error, and the latest handle deletes.
func deleteWithEarlierHandle(c *check) {
	q := c.newQueue()
	q.send("x")
	first := q.receiveOne()
	c.OK(q.changeVisibility(first, 0), "ChangeMessageVisibility to 0")
	second := q.receiveOne()
	if aws.ToString(first.ReceiptHandle) == aws.ToString(second.ReceiptHandle) {
		c.Errorf("both receives answered the same receipt handle")
	}
	q.delete(first)
	q.delete(second)
	q.staysEmpty()
	if got := q.attributes()["ApproximateNumberOfMessagesNotVisible"]; got != "0" {
		c.Errorf("%s messages are in flight, want 0", got)
	}
}

// deleteAfterTimeout: the handle of the latest receive deletes a message that is visible again.
func deleteAfterTimeout(c *check) {
	q, m, start := c.received("1")
	c.sleepUntil(start.Add(3 * time.Second))
	q.delete(m)
	q.staysEmpty()
}

func invalidReceiptHandle(c *check) {
	q := c.newQueue()
	bad := types.Message{ReceiptHandle: aws.String("no-such-handle")}
	_, err := c.api.DeleteMessage(c.Ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: bad.ReceiptHandle})
	conformance.WantError[*types.ReceiptHandleIsInvalid](c.Case, err, "DeleteMessage with an invented handle")
	conformance.WantError[*types.ReceiptHandleIsInvalid](c.Case, q.changeVisibility(bad, 1), "ChangeMessageVisibility with an invented handle")
}

func receiveFromEmptyQueue(c *check) {
	q := c.newQueue()
	start := time.Now()
	if got := q.receive(); len(got) != 0 {
		c.Errorf("received %d messages from a new queue", len(got))
	}
	c.soonerThan(start, 5*time.Second, "a short poll")
}
