package orders;

class Application {
  public static void main(String[] args) {}
}
