package emulator

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// The digests are those that AWS gave for these attributes (receives with attribute filters, recorded by LocalStack's
// snapshot tests against the service).
func TestAttributeDigestIsAWSs(t *testing.T) {
	t.Parallel()
	text := func(s string) attribute { return attribute{Type: "String", String: s} }
	binary := attribute{Type: "Binary", Binary: []byte("traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01")}
	tests := []struct {
		want  string
		attrs map[string]attribute
	}{
		{"4c360f3fdafd970e05fae2f149d997f5", map[string]attribute{
			"General": text("Kenobi"), "Hello": text("There"), "Help.Me": text("Me"),
		}},
		{"fca026605781cb4126a1e9044df24232", map[string]attribute{"General": text("Kenobi"), "Hello": text("There")}},
		{"a311262e065454b75da111d535b8dacd", map[string]attribute{"Hello": text("There")}},
		{"8cbe4db156db8a94db8b801b7addb984", map[string]attribute{"attr1": binary}},
	}
	for _, test := range tests {
		if got := attributesMD5(test.attrs); got != test.want {
			t.Errorf("%v: %s, want %s", test.attrs, got, test.want)
		}
	}
}

func TestHandleIsCheckedBeforeItIsBelieved(t *testing.T) {
	t.Parallel()
	q := &queue{id: 7}
	good := handle{queue: 7, seq: math.MaxInt64, receive: 3}
	if got, err := parseHandle(good.String(), q); err != nil || got != good {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{
		"", "x", "AQEBwJnKyrHigUMZj6rYigCg", strings.Repeat("A", 36), good.String() + "A",
		strings.Replace(good.String(), "H", "I", 1), handle{queue: 8, seq: 1, receive: 1}.String(),
	} {
		if got, err := parseHandle(bad, q); err == nil {
			t.Errorf("%q passes as %+v", bad, got)
		}
	}
}

// Past 120,000 messages in flight a short poll is told so and a long poll finds nothing; API reference, ReceiveMessage.
func TestInFlightLimit(t *testing.T) {
	t.Parallel()
	e := openFile(t, "")
	c, ctx := e.SQS(), t.Context()
	out, err := c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("q")})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: out.QueueUrl, MessageBody: aws.String("x")}); err != nil {
			t.Fatal(err)
		}
	}
	e.queues[inRegion{defaultRegion, "q"}].inFlight = maxInFlight - 2
	in := &sqs.ReceiveMessageInput{QueueUrl: out.QueueUrl, MaxNumberOfMessages: 10}
	if got, err := c.ReceiveMessage(ctx, in); err != nil || len(got.Messages) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	var over *types.OverLimit
	if _, err := c.ReceiveMessage(ctx, in); !errors.As(err, &over) {
		t.Errorf("short poll: %v", err)
	}
	in.WaitTimeSeconds = 1
	if got, err := c.ReceiveMessage(ctx, in); err != nil || len(got.Messages) != 0 {
		t.Errorf("long poll: %v, %v", got, err)
	}
}

func TestQueueAttributes(t *testing.T) {
	t.Parallel()
	e := openFile(t, "")
	if _, err := e.SQS().CreateQueue(t.Context(), &sqs.CreateQueueInput{
		QueueName: aws.String("dead"), Attributes: map[string]string{
			"RedriveAllowPolicy": `{"redrivePermission":"byQueue","sourceQueueArns":["` + e.arnOf("friend") + `"]}`,
		},
	}); err != nil {
		t.Fatal(err)
	}
	redrive := func(target, max string) map[string]string {
		return map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + target + `","maxReceiveCount":` + max + `}`}
	}
	withAllow := func(attrs map[string]string, policy string) map[string]string {
		attrs["RedriveAllowPolicy"] = policy
		return attrs
	}
	tests := []struct {
		name, queue string
		attrs       map[string]string
		says        string // "" for success
	}{
		{"friend", "friend", redrive(e.arnOf("dead"), `"3"`), ""},
		{"once more, said otherwise", "friend", redrive(e.arnOf("dead"), `3`), ""},
		{"stranger", "stranger", redrive(e.arnOf("dead"), "3"), "does not allow this queue"},
		{"no target", "q", redrive(e.arnOf("none"), "3"), "Dead letter target does not exist"},
		{"no ARN", "q", redrive("dummy", "3"), "Invalid value for deadLetterTargetArn."},
		{"itself", "own", redrive(e.arnOf("own"), "3"), ""},
		{"itself, which allows it", "own2", withAllow(redrive(e.arnOf("own2"), "3"), `{"redrivePermission":"byQueue","sourceQueueArns":["`+e.arnOf("own2")+`"]}`), ""},
		{"itself, which does not", "own3", withAllow(redrive(e.arnOf("own3"), "3"), `{"redrivePermission":"denyAll"}`), "does not allow this queue"},
		{"count of 0", "q", redrive(e.arnOf("dead"), "0"), "valid values are from 1 to 1000"},
		{"count of 1001", "q", redrive(e.arnOf("dead"), "1001"), "valid values are from 1 to 1000"},
		{"no count", "q", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"x"}`}, "mandatory attribute: maxReceiveCount"},
		{"no JSON", "q", map[string]string{"RedrivePolicy": `x`}, "not a valid JSON map"},
		{"allow nobody in particular", "q", map[string]string{"RedriveAllowPolicy": `{"redrivePermission":"byQueue"}`}, "1 to 10"},
		{"both encryptions", "q", map[string]string{"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"}, "one type of server-side"},
		{"read-only", "q", map[string]string{"QueueArn": "x"}, "Unknown Attribute QueueArn"},
		{"a FIFO queue", "q", map[string]string{"FifoQueue": "true"}, "standard queues only"},
		{"a FIFO queue's name", "q.fifo", nil, "standard queues only"},
		{"no name", "a b", nil, "Can only include"},
		{"of FIFO queues", "q", map[string]string{"ContentBasedDeduplication": "true"}, "Unknown Attribute"},
		{"small messages", "q", map[string]string{"MaximumMessageSize": "1023"}, "Invalid value for the parameter MaximumMessageSize"},
		{"no number", "q", map[string]string{"VisibilityTimeout": "soon"}, "Invalid value for the parameter VisibilityTimeout"},
	}
	for _, test := range tests {
		_, err := e.SQS().CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &test.queue, Attributes: test.attrs})
		if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
}

func TestMessageAttributesAreHeldToTheRules(t *testing.T) {
	t.Parallel()
	value := func(kind, text string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: &kind, StringValue: &text}
	}
	tests := []struct {
		name string
		v    types.MessageAttributeValue
		says string
	}{
		{"a", value("String", "x"), ""},
		{"a.b-c_d", value("Number.int", "-12.5e+3"), ""},
		{"a", types.MessageAttributeValue{DataType: aws.String("Binary.gif"), BinaryValue: []byte{0}}, ""},
		{"a", value("String", ""), "must contain a non-empty value of type 'String'"},
		{"a", value("", "x"), "non-empty message attribute type"},
		{"a", value("Text", "x"), "supported type prefixes"},
		{"a", value("Number", "one"), "Can't cast"},
		{"a", value("String", "\x01"), "Invalid binary character '#x1'"},
		{"a", types.MessageAttributeValue{DataType: aws.String("Binary"), StringValue: aws.String("x")}, "non-empty value"},
		{"AWS.x", value("String", "x"), "reserved"},
		{"amazon.x", value("String", "x"), "reserved"},
		{".a", value("String", "x"), "period"},
		{"a..b", value("String", "x"), "period"},
		{"a b", value("String", "x"), "alphanumeric"},
		{strings.Repeat("a", 257), value("String", "x"), "Length"},
	}
	for _, test := range tests {
		_, err := toAttributes(map[string]types.MessageAttributeValue{test.name: test.v}, 0)
		if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
}

// The words are those that SQS has for the body, and for an attribute's value.
func TestBadCharactersAreNamed(t *testing.T) {
	t.Parallel()
	e := openFile(t, "")
	url := e.makeQueue(t, "q", nil)
	const set = "the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."
	for name, test := range map[string]struct {
		in         sqs.SendMessageInput
		code, says string
	}{
		"a bell": {sqs.SendMessageInput{MessageBody: aws.String("ding\a")}, "InvalidMessageContents",
			"Invalid binary character '#x7' was found in the message body, " + set},
		"a noncharacter": {sqs.SendMessageInput{MessageBody: aws.String("\uffff")}, "InvalidMessageContents",
			"Invalid binary character '#xFFFF' was found in the message body, " + set},
		"no UTF-8": {sqs.SendMessageInput{MessageBody: aws.String("\xff")}, "InvalidMessageContents",
			"What is not UTF-8 was found in the message body, " + set},
		"an attribute": {sqs.SendMessageInput{MessageBody: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{
			"a": {DataType: aws.String("String"), StringValue: aws.String("\x1f")},
		}}, "InvalidParameterValue", "Invalid binary character '#x1F' was found in the message attribute 'a' value, " + set},
		"a system attribute": {sqs.SendMessageInput{MessageBody: aws.String("x"), MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{
			"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("\x00")},
		}}, "InvalidParameterValue", "Invalid binary character '#x0' was found in the message attribute 'AWSTraceHeader' value, " + set},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.in.QueueUrl = url
			_, err := e.SQS().SendMessage(t.Context(), &test.in)
			api, ok := errors.AsType[smithy.APIError](err)
			if !ok || api.ErrorCode() != test.code || api.ErrorMessage() != test.says {
				t.Errorf("got %v, want %s: %s", err, test.code, test.says)
			}
		})
	}
}
