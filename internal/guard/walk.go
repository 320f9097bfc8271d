package guard

// MaxErrors is how many errors of a tree are looked at. One that wraps itself has no end, and errors.Is would follow
// it for ever.
const MaxErrors = 100_000

// Walk visits an error and those that it wraps, each before what it wraps, as errors.Is does, until visit returns
// false. It reports whether it came to an end: false means that there are more than [MaxErrors].
func Walk(err error, visit func(error) bool) (ended bool) {
	left := MaxErrors
	walk(err, visit, &left)
	return left >= 0
}

// walk reports whether to go on.
func walk(err error, visit func(error) bool, left *int) bool {
	if err == nil {
		return true
	}
	if *left--; *left < 0 || !visit(err) {
		return false
	}
	switch x := err.(type) { //nolint:errorlint // this is the walk that errors.Is would do
	case interface{ Unwrap() error }:
		return walk(x.Unwrap(), visit, left)
	case interface{ Unwrap() []error }:
		for _, one := range x.Unwrap() {
			if !walk(one, visit, left) {
				return false
			}
		}
	}
	return true
}

// Is is errors.Is for an error of a program's author, which may wrap itself.
func Is(err, target error) (is bool) {
	Walk(err, func(e error) bool {
		x, asks := e.(interface{ Is(error) bool })
		is = e == target || asks && x.Is(target) //nolint:errorlint // see Walk
		return !is
	})
	return is
}

// Find is errors.AsType for an error of a program's author, which may wrap itself.
func Find[E error](err error) (found E, ok bool) {
	Walk(err, func(e error) bool {
		if found, ok = e.(E); ok { //nolint:errorlint // see Walk
			return false
		}
		if x, asks := e.(interface{ As(any) bool }); asks {
			ok = x.As(&found)
		}
		return !ok
	})
	return found, ok
}
