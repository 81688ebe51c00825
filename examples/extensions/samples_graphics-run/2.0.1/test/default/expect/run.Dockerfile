FROM registry.example/prelude/run-graphics:12
