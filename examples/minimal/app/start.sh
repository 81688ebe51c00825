#!/bin/sh
exec tree /workspace
