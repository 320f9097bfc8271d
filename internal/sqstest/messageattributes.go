package sqstest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

var messageAttributeTests = []func(*check){
	messageAttributesComeBack, messageAttributeFilters, messageAttributesRefused, messageAttributeNamesAllowed,
	messageAttributeLetters,
}

func text(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
}

func messageAttributesComeBack(c *check) {
	want := map[string]types.MessageAttributeValue{
		"string":  text("grüße \t\n 𝄞"),
		"custom":  {DataType: aws.String("String.my.own-type"), StringValue: aws.String("x")},
		"number":  {DataType: aws.String("Number"), StringValue: aws.String("-12.5e3")},
		"integer": {DataType: aws.String("Number.int"), StringValue: aws.String("007")}, // text, kept as it is
		"binary":  {DataType: aws.String("Binary"), BinaryValue: []byte{0, 255, 10, 13}},
		"image":   {DataType: aws.String("Binary.png"), BinaryValue: bytes.Repeat([]byte{1}, 1000)},
	}
	q := c.newQueue()
	q.send("x", func(in *sqs.SendMessageInput) { in.MessageAttributes = want })
	got := q.receiveOne().MessageAttributes
	if len(got) != len(want) {
		c.Errorf("received the attributes %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	for name, value := range want {
		if aws.ToString(got[name].DataType) != aws.ToString(value.DataType) ||
			aws.ToString(got[name].StringValue) != aws.ToString(value.StringValue) ||
			!bytes.Equal(got[name].BinaryValue, value.BinaryValue) {
			c.Errorf("attribute %s came back as %+v", name, got[name])
		}
	}
}

func messageAttributeFilters(c *check) {
	sent := map[string]types.MessageAttributeValue{
		"foo": text("1"), "foo.bar": text("2"), "foobar": text("3"), "other": text("4"),
	}
	for name, tt := range map[string]struct{ filter, want []string }{
		"none":             {nil, nil},
		"All":              {[]string{"All"}, []string{"foo", "foo.bar", "foobar", "other"}},
		".*":               {[]string{".*"}, []string{"foo", "foo.bar", "foobar", "other"}},
		"a name":           {[]string{"foo"}, []string{"foo"}},
		"two names":        {[]string{"foo", "other"}, []string{"foo", "other"}},
		"a prefix":         {[]string{"foo.*"}, []string{"foo", "foo.bar", "foobar"}},
		"an unknown name":  {[]string{"unknown"}, nil},
		"prefix and name":  {[]string{"foo.b.*", "other"}, []string{"foo.bar", "other"}},
		"case matters":     {[]string{"FOO"}, nil},
		"All in lowercase": {[]string{"all"}, nil},
		"*":                {[]string{"*"}, []string{"foo", "foo.bar", "foobar", "other"}},
		"* among others":   {[]string{"unknown", "*"}, []string{"foo", "foo.bar", "foobar", "other"}},
		"a reserved name":  {[]string{"AWS.", "amazon.x"}, nil},
		"illegal names":    {[]string{"..foo", ".", "foo bar", "", "ſ§", "foo"}, []string{"foo"}},
		"a star at an end": {[]string{"foo*"}, nil},
	} {
		c.in(name, func(c *check) {
			q := c.newQueue()
			q.send("x", func(in *sqs.SendMessageInput) { in.MessageAttributes = sent })
			got := q.receiveOne(func(in *sqs.ReceiveMessageInput) { in.MessageAttributeNames = tt.filter })
			if names := slices.Sorted(maps.Keys(got.MessageAttributes)); !slices.Equal(names, tt.want) {
				c.Fatalf("received %v, want %v", names, tt.want)
			}
			// The digest is of what is answered, so that a client can check it.
			want := ""
			if len(tt.want) > 0 {
				want = digestOf(got.MessageAttributes)
			}
			if aws.ToString(got.MD5OfMessageAttributes) != want {
				c.Errorf("MD5OfMessageAttributes is %q, want %q", aws.ToString(got.MD5OfMessageAttributes), want)
			}
		})
	}
}

func messageAttributesRefused(c *check) {
	eleven := map[string]types.MessageAttributeValue{}
	for i := range 11 {
		eleven[fmt.Sprintf("a%d", i)] = text("x")
	}
	q := c.newQueue()
	for name, attributes := range map[string]map[string]types.MessageAttributeValue{
		"eleven of them":          eleven,
		"an empty string":         {"a": text("")},
		"an empty binary":         {"a": {DataType: aws.String("Binary"), BinaryValue: []byte{}}},
		"no value":                {"a": {DataType: aws.String("String")}},
		"an empty type":           {"a": {DataType: aws.String(""), StringValue: aws.String("x")}},
		"an unknown type":         {"a": {DataType: aws.String("Boolean"), StringValue: aws.String("true")}},
		"a number that is none":   {"a": {DataType: aws.String("Number"), StringValue: aws.String("one")}},
		"an empty name":           {"": text("x")},
		"a name with a space":     {"a b": text("x")},
		"a name that starts .":    {".a": text("x")},
		"a name that ends with .": {"a.": text("x")},
		"a name with ..":          {"a..b": text("x")},
		"a reserved name":         {"AWS.a": text("x")},
		"another reserved name":   {"amazon.a": text("x")},
		"a name of 257":           {strings.Repeat("a", 257): text("x")},
		"a name with §":           {"a§b": text("x")},
		"a name of Greek letters": {"αβγ": text("x")},
		"a name of 257 bytes":     {strings.Repeat("ä", 128) + "a": text("x")},
		"a type of 257 bytes":     {"a": {DataType: aws.String("String." + strings.Repeat("x", 250)), StringValue: aws.String("x")}},
		"a forbidden character":   {"a": text("before\x01after")},
		"another in a number":     {"a": {DataType: aws.String("Number"), StringValue: aws.String("1\x0b")}},
		"a noncharacter":          {"a": text("\uffff")},
	} {
		c.in(name, func(c *check) {
			_, err := c.api.SendMessage(c.Ctx, &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: aws.String("x"), MessageAttributes: attributes})
			c.Refused(err, "SendMessage", "InvalidParameterValue")
			out, err := q.sendBatch(sendEntry{Id: aws.String("a"), MessageBody: aws.String("x"), MessageAttributes: attributes})
			c.OK(err, "SendMessageBatch")
			if len(out.Failed) != 1 {
				c.Fatalf("%d entries failed, want 1", len(out.Failed))
			}
			wantFailed(c, "SendMessageBatch", out.Failed[0], "a", "InvalidParameterValue")
		})
	}
}

func messageAttributeNamesAllowed(c *check) {
	ten := map[string]types.MessageAttributeValue{}
	for i := range 7 {
		ten[fmt.Sprintf("a%d", i)] = text("x")
	}
	ten["AZaz09_-.x"] = text("x")
	ten[strings.Repeat("n", 255)] = text("x") // the guide allows 256, the error message asks for less than 256
	ten["a.b.c"] = text("x")
	q := c.newQueue()
	q.send("x", func(in *sqs.SendMessageInput) { in.MessageAttributes = ten })
	if got := q.receiveOne().MessageAttributes; len(got) != len(ten) {
		c.Errorf("received %d attributes, want %d", len(got), len(ten))
	}
}

// messageAttributeLetters: SQS takes more letters than its guide has. Names are compared, digested and measured as UTF-8.
func messageAttributeLetters(c *check) {
	names := []string{"attr.1øßä", "À", "ſ-Ž.Œ_ŋ", strings.Repeat("é", 127)}
	sent := map[string]types.MessageAttributeValue{}
	for _, name := range names {
		sent[name] = text("x")
	}
	q := c.newQueue("VisibilityTimeout", "0")
	out := q.send("x", func(in *sqs.SendMessageInput) { in.MessageAttributes = sent })
	if got, want := aws.ToString(out.MD5OfMessageAttributes), digestOf(sent); got != want {
		c.Errorf("MD5OfMessageAttributes is %s, want %s", got, want)
	}
	for _, tt := range []struct{ filter, want []string }{
		{[]string{"All"}, names}, {[]string{"attr.1ø.*"}, names[:1]}, {[]string{"À", "à"}, names[1:2]},
	} {
		got := q.receiveOne(func(in *sqs.ReceiveMessageInput) { in.MessageAttributeNames = tt.filter }).MessageAttributes
		want := slices.Sorted(slices.Values(tt.want))
		if found := slices.Sorted(maps.Keys(got)); !slices.Equal(found, want) {
			c.Errorf("received %q by %q, want %q", found, tt.filter, want)
		}
	}
}
