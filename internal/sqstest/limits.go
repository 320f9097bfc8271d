package sqstest

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/conformance"
)

var limitTests = []func(*check){
	allowedCharacters, forbiddenCharacters, emptyBody, largestMessage, tooLargeMessage, tooLargeWithAttributes,
	queueMaximumMessageSize, parametersOutOfRange,
}

// mebibyte is the largest message: body and attribute names, types and values together.
const mebibyte = 1 << 20

func allowedCharacters(c *check) {
	// The bounds of every allowed range, and what protocols like to mangle.
	const body = "\t\n\r \u007f\u0080\u009f\ud7ff\ue000\ufffd\U00010000\U0010ffff <&>\"'\\ \u2028\u2029"
	q := c.newQueue()
	q.send(body)
	if got := aws.ToString(q.receiveOne().Body); got != body {
		c.Errorf("received %q, sent %q", got, body)
	}
}

func forbiddenCharacters(c *check) {
	q := c.newQueue()
	for _, character := range []string{"\x00", "\x01", "\x08", "\x0b", "\x0c", "\x0e", "\x1f", "\ufffe", "\uffff"} {
		_, err := c.api.SendMessage(c.Ctx, &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: aws.String("before" + character + "after")})
		conformance.WantError[*types.InvalidMessageContents](c.Case, err, fmt.Sprintf("SendMessage with %q", character))
	}
	q.staysEmpty()
}

func emptyBody(c *check) {
	q := c.newQueue()
	_, err := c.api.SendMessage(c.Ctx, &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: aws.String("")})
	c.Refused(err, "SendMessage without a body", "InvalidParameterValue", "MissingParameter")
}

func largestMessage(c *check) {
	q := c.newQueue()
	body := strings.Repeat("ü", mebibyte/2-16) // two bytes each: bytes count, not characters
	attribute := map[string]types.MessageAttributeValue{
		"name": text(strings.Repeat("v", 32-len("name")-len("String"))),
	}
	q.send(body, func(in *sqs.SendMessageInput) { in.MessageAttributes = attribute })
	if got := aws.ToString(q.receiveOne().Body); got != body {
		c.Errorf("received %d bytes, sent %d", len(got), len(body))
	}
}

func tooLargeMessage(c *check) {
	q := c.newQueue()
	_, err := c.api.SendMessage(c.Ctx, &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: aws.String(strings.Repeat("x", mebibyte+1))})
	c.Refused(err, "SendMessage of 1 MiB and a byte", "InvalidParameterValue")
	q.staysEmpty()
}

func tooLargeWithAttributes(c *check) {
	q := c.newQueue()
	// One byte more than fits, once all three parts of the attribute are counted.
	value := strings.Repeat("v", 33-len("name")-len("String"))
	_, err := c.api.SendMessage(c.Ctx, &sqs.SendMessageInput{
		QueueUrl: &q.url, MessageBody: aws.String(strings.Repeat("x", mebibyte-32)),
		MessageAttributes: map[string]types.MessageAttributeValue{"name": text(value)},
	})
	c.Refused(err, "SendMessage of 1 MiB and a byte with its attribute", "InvalidParameterValue")
}

func queueMaximumMessageSize(c *check) {
	q := c.newQueue("MaximumMessageSize", "1024")
	q.send(strings.Repeat("x", 1024))
	_, err := c.api.SendMessage(c.Ctx, &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: aws.String(strings.Repeat("x", 1025))})
	c.Refused(err, "SendMessage beyond MaximumMessageSize", "InvalidParameterValue")
}

func parametersOutOfRange(c *check) {
	q := c.newQueue()
	inFlight := c.newQueue()
	inFlight.send("x")
	m := inFlight.receiveOne()
	receive := func(in sqs.ReceiveMessageInput) error {
		in.QueueUrl = &q.url
		_, err := c.api.ReceiveMessage(c.Ctx, &in)
		return err
	}
	for name, tt := range map[string]struct {
		bad  [2]int32
		call func(int32) error
	}{
		"SendMessage.DelaySeconds": {[2]int32{-1, 901}, func(n int32) error {
			_, err := c.api.SendMessage(c.Ctx, &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: aws.String("x"), DelaySeconds: n})
			return err
		}},
		"ReceiveMessage.MaxNumberOfMessages": {[2]int32{-1, 11}, func(n int32) error {
			return receive(sqs.ReceiveMessageInput{MaxNumberOfMessages: n})
		}},
		"ReceiveMessage.WaitTimeSeconds": {[2]int32{-1, 21}, func(n int32) error {
			return receive(sqs.ReceiveMessageInput{WaitTimeSeconds: n})
		}},
		"ReceiveMessage.VisibilityTimeout": {[2]int32{-1, 43_201}, func(n int32) error {
			return receive(sqs.ReceiveMessageInput{VisibilityTimeout: n})
		}},
		"ChangeMessageVisibility.VisibilityTimeout": {[2]int32{-1, 43_201}, func(n int32) error {
			return inFlight.changeVisibility(m, n)
		}},
	} {
		c.in(name, func(c *check) {
			for _, n := range tt.bad {
				c.Refused(tt.call(n), fmt.Sprintf("%s = %d", name, n), "InvalidParameterValue")
			}
		})
	}
}
