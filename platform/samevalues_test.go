package platform

import (
	"math"
	"reflect"
	"time"
)

// sameValues reports whether two values that were read from TOML are the same, types included. An array of tables counts as
// one whatever way it was written; NaN is the same as NaN.
func sameValues(a, b any) bool {
	switch x := a.(type) {
	case time.Time:
		y, ok := b.(time.Time)
		return ok && x.Equal(y) && kindOf(x) == kindOf(y)
	case float64:
		y, ok := b.(float64)
		return ok && math.Float64bits(x) == math.Float64bits(y) || ok && math.IsNaN(x) && math.IsNaN(y)
	}
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	if !va.IsValid() || !vb.IsValid() || va.Kind() != vb.Kind() {
		return va.IsValid() == vb.IsValid() && !va.IsValid()
	}
	switch va.Kind() {
	case reflect.Map:
		if va.Len() != vb.Len() {
			return false
		}
		for _, key := range va.MapKeys() {
			other := vb.MapIndex(key)
			if !other.IsValid() || !sameValues(va.MapIndex(key).Interface(), other.Interface()) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if va.Len() != vb.Len() {
			return false
		}
		for i := range va.Len() {
			if !sameValues(va.Index(i).Interface(), vb.Index(i).Interface()) {
				return false
			}
		}
		return true
	}
	return va.Type() == vb.Type() && a == b
}

// kindOf tells the four kinds of date and time apart: the library keeps three of them in the name of the zone. Of the
// fourth, it is the offset that counts.
func kindOf(t time.Time) string {
	switch name := t.Location().String(); name {
	case "datetime-local", "date-local", "time-local":
		return name
	}
	return t.Format("-07:00")
}
